//! Gets each URL once in an interval, many at a time: what anybody would write with reqwest in an hour.

use futures_util::StreamExt;
use futures_util::stream;
use tokio::time::{MissedTickBehavior, interval};

use super::{Connections, INTERVAL};

const AT_A_TIME: usize = 50;

#[tokio::main]
pub(super) async fn run(connections: Connections, urls: Vec<reqwest::Url>) -> anyhow::Result<()> {
    let idle = match connections {
        Connections::New => 0,
        Connections::Kept => usize::MAX,
    };
    let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(idle).build()?;
    let mut rounds = interval(INTERVAL);
    // Who cannot keep up is asked more rarely, not in heaps.
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        let get = async |url: &reqwest::Url| {
            // Whether it worked is counted where it arrives.
            if let Ok(response) = client.get(url.clone()).send().await {
                let _ = response.bytes().await;
            }
        };
        stream::iter(&urls).for_each_concurrent(AT_A_TIME, get).await;
    }
}
