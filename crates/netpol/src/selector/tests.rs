use super::{Labels, Operator, Requirement, Selector};

#[test]
fn a_selector_prints_as_kubectl_prints_it() {
    let values = || vec!["a".to_owned(), "b".to_owned()];
    let requirement = |key: &str, operator| Requirement { key: key.into(), operator };
    let selector = Selector::new(vec![
        requirement("role", Operator::Equals("frontend".into())),
        requirement("tier", Operator::In(values())),
        requirement("env", Operator::NotIn(values())),
        requirement("team", Operator::Exists),
        requirement("legacy", Operator::DoesNotExist),
    ]);
    assert_eq!(selector.to_string(), "role=frontend,tier in (a,b),env notin (a,b),team,!legacy");
    assert_eq!(Selector::default().to_string(), "");
    let labels = Labels::from([("role".into(), "frontend".into()), ("legacy".into(), String::new())]);
    let unmet: Vec<_> = selector.unmet(&labels).map(ToString::to_string).collect();
    assert_eq!(unmet, ["tier in (a,b)", "team", "!legacy"]);
}
