//! A process that can open no further file. The only test of its binary: the limit is the process's.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use star_daemon::check::{Ask, Checker, Guard, Resolver};
use star_daemon::target::TargetUrl;
use star_wire::observation::Reason;

#[tokio::test]
async fn being_out_of_files_is_a_local_error_whether_asking_a_name_server_or_the_target() {
    let checker = Checker::new(Resolver::from_servers(&[([127, 0, 0, 1], 9).into()], &[], 1), Guard::Open);
    setrlimit(Resource::Nofile, Rlimit { current: Some(0), ..getrlimit(Resource::Nofile) }).unwrap();
    for url in ["http://name.test/", "http://127.0.0.1:9/"] {
        let check = checker.check(&TargetUrl::parse(url).unwrap(), &Ask::head(Duration::from_millis(250))).await;
        let failure = check.outcome.unwrap_err();
        assert_eq!(failure.reason, Reason::LocalError, "{url}: {}", failure.message);
    }
}
