use star_wire::Timestamp;
use star_wire::event::{EdgePatch, History as WireHistory, NodePatch, Patch, Row, RowEdge};
use star_wire::observation::Observation;

use super::*;
use crate::graph::Snapshot;
use crate::roster::tests::world;

/// Records a random history, a second a step, and rebuilds it from what is told of it.
fn recorded(bounds: Bounds) -> (WireHistory, Vec<Event>) {
    let start = Timestamp::UNIX_EPOCH;
    let mut before = Arc::new(Snapshot::new(start));
    let mut history = History::new(Arc::clone(&before), bounds);
    let mut states = vec![before.event()];
    world(1, 300, |state| {
        let mut state = state.clone();
        let second = i64::try_from(states.len()).unwrap();
        (state.seq, state.at) = (before.seq + 1, Timestamp::from_second(second).unwrap());
        if let Some(difference) = state.since(&before) {
            let state = Arc::new(state);
            history.record(difference, &state, Duration::from_secs(states.len() as u64));
            states.push(state.event());
            before = state;
        }
    });
    (history.body(), states)
}

#[test]
fn every_moment_inside_the_bounds_can_be_rebuilt() {
    let bounds = [
        Bounds { changes: usize::MAX, age: Duration::MAX },
        Bounds { changes: 100, age: Duration::MAX },
        Bounds { changes: usize::MAX, age: Duration::from_secs(30) },
        Bounds { changes: 0, age: Duration::MAX },
    ];
    for bounds in bounds {
        let (body, states) = recorded(bounds);
        let told = body.events.len();
        assert!(matches!(body.events[0], Event::Snapshot(_)));
        let mut seq = None;
        for (event, state) in body.events.iter().zip(&states[states.len() - told..]) {
            match (event, state) {
                (Event::Snapshot(event), Event::Snapshot(state)) => assert_eq!(event, state, "{bounds:?}"),
                (Event::Patch(Patch { prev, .. }), _) => assert_eq!(seq, Some(*prev)),
                other => panic!("{other:?}"),
            }
            seq = Some(match event {
                Event::Snapshot(snapshot) => snapshot.seq,
                Event::Patch(patch) => patch.seq,
                Event::Heartbeat(_) => panic!("a heartbeat is not history"),
            });
        }
    }
}

#[test]
fn a_change_weighs_as_much_as_the_nodes_and_edges_that_it_tells() {
    let state = Arc::new(Snapshot::new(Timestamp::UNIX_EPOCH));
    let mut history = History::new(Arc::clone(&state), Bounds { changes: 10, age: Duration::MAX });
    let edge =
        || RowEdge { target: 0, observation: Arc::default(), expected: None, agreement: None, because: Arc::default() };
    let mut kept = Vec::new();
    // Six, then four more, then one too many: whatever it is that is told.
    for (seq, nodes, row, changed) in [(1, 1, 2, 3), (2, 2, 1, 1), (3, 0, 0, 1), (4, 0, 11, 0)] {
        let nodes = (0..nodes).map(|node| NodePatch { node, observation: Observation::default() }).collect();
        let rows = vec![Row { source: 0, edges: (0..row).map(|_| edge()).collect() }];
        let edges = vec![EdgePatch { source: 0, changed: (0..changed).map(|place| (place, edge())).collect() }];
        let at = Timestamp::UNIX_EPOCH;
        history.record(
            Difference::Patch(Patch {
                seq,
                prev: seq - 1,
                at,
                nodes,
                rows,
                edges,
                causes: Vec::new(),
                gaps: Vec::new(),
            }),
            &state,
            Duration::ZERO,
        );
        kept.push(history.entries.len());
    }
    assert_eq!(kept, [1, 2, 2, 0]);
}

#[test]
fn the_bounds_are_kept() {
    let (all, states) = recorded(Bounds { changes: usize::MAX, age: Duration::MAX });
    assert_eq!(all.events.len(), states.len());
    let (few, _) = recorded(Bounds { changes: 100, age: Duration::MAX });
    assert!((2..=101).contains(&few.events.len()), "{}", few.events.len());
    let (recent, _) = recorded(Bounds { changes: usize::MAX, age: Duration::from_secs(30) });
    assert_eq!(recent.events.len(), 1 + 31, "the state before, and what is up to 30 s old");
    let (none, states) = recorded(Bounds { changes: 0, age: Duration::MAX });
    assert_eq!(none.events, states[states.len() - 1..]);
}
