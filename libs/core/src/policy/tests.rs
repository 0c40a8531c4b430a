//! What a policy may look like, mostly by the examples of `spike-sdk-go`'s own tests.

use super::*;

fn fields() -> PolicyFields {
    PolicyFields {
        name: "db-read".to_owned(),
        spiffeid_pattern: "^spiffe://x/.*$".to_owned(),
        path_pattern: "^t/.*$".to_owned(),
        permissions: vec!["read".to_owned()],
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a small number")
}

fn policy(fields: PolicyFields) -> Result<Policy, InvalidPolicy> {
    Policy::new(fields, at(1), at(2))
}

fn with_id(pattern: &str) -> Result<Policy, InvalidPolicy> {
    policy(PolicyFields { spiffeid_pattern: pattern.to_owned(), ..fields() })
}

fn with_path(pattern: &str) -> Result<Policy, InvalidPolicy> {
    policy(PolicyFields { path_pattern: pattern.to_owned(), ..fields() })
}

fn with_permissions(permissions: &[&str]) -> Result<Policy, InvalidPolicy> {
    let permissions = permissions.iter().map(|&text| text.to_owned()).collect();
    policy(PolicyFields { permissions, ..fields() })
}

#[test]
fn the_patterns_of_identities_that_spike_takes_are_taken() {
    for good in [
        "spiffe://example.org/service",
        "^spiffe://example.org/service$",
        "spiffe://example.org/.*",
        "spiffe://example.org/service.+",
        "spiffe://example.org/service.?",
        "spiffe://example.org/[a-z]+",
        "spiffe://example.org/service_name",
        "spiffe://example-org.com/service",
        "spiffe://example.org/path/to/service",
        r"^spiffe://spike\.ist/workload/.*$",
        "spiffe://example.org",
        r"spiffe://example\.org/(a)?",
    ] {
        assert!(with_id(good).is_ok(), "{good}");
    }
}

#[test]
fn other_patterns_of_identities_are_refused_with_a_remedy() {
    for bad in [
        "",
        "*",
        ".*",
        "example.org/service",
        "http://example.org/service",
        "spiffe:///service",
        "spiffe://example.org/",
        "spiffe://example.org/service name",
        "spiffe://example.org/service@test",
        "spiffe://a/b|spiffe://a/c",
        "spiffe://a/b{2}",
        "^^spiffe://a",
        "spiffe://a/b\n",
        &format!("spiffe://{}", "a".repeat(2040)),
    ] {
        assert_eq!(with_id(bad), Err(InvalidPolicy::SpiffeIdPattern), "{bad}");
    }
    let told = with_id("bad").expect_err("refused").to_string();
    assert!(told.starts_with("spiffeidPattern: write spiffe://<trust domain>"), "{told}");
}

#[test]
fn the_patterns_of_paths_that_spike_takes_are_taken() {
    for good in [
        "app/secrets",
        "app/.*/secrets",
        "app/(prod|dev)/secrets",
        "^app/secrets$",
        "app|config",
        "app/{id}",
        "app[0-9]",
        "app[^/]",
        r"app/\d{3}",
        &"a".repeat(500),
    ] {
        assert!(with_path(good).is_ok(), "{good}");
    }
}

#[test]
fn other_patterns_of_paths_are_refused_with_a_remedy() {
    for bad in [
        "",
        "a b",
        "a@b",
        "a#b",
        "a%b",
        "a&b",
        "a=b",
        "a:b",
        "a;b",
        "a,b",
        "a{1,3}",
        "a<b",
        "a>b",
        "ä",
        "a\n",
        &"a".repeat(501),
    ] {
        assert_eq!(with_path(bad), Err(InvalidPolicy::PathPattern), "{bad}");
    }
    let told = with_path("a b").expect_err("refused").to_string();
    assert!(told.starts_with("pathPattern: write 1 to 500 letters, digits and"), "{told}");
    assert!(told.contains("{ }"), "{told}");
}

#[test]
fn what_is_no_regular_expression_is_refused_by_field() {
    let expression = |field, source| Err(InvalidPolicy::Expression { field, source });
    let (ids, paths) = (Field::SpiffeIdPattern, Field::PathPattern);
    assert_eq!(with_path("("), expression(paths, BadPattern::UnclosedGroup));
    assert_eq!(with_path("*"), expression(paths, BadPattern::NothingToRepeat));
    assert_eq!(with_path("a**"), expression(paths, BadPattern::NestedRepetition));
    assert_eq!(with_path("a{1001}"), expression(paths, BadPattern::RepeatCount));
    assert_eq!(with_path(r"(\pL{30}){30}"), expression(paths, BadPattern::TooLarge));
    assert_eq!(with_id("spiffe://a/[b"), expression(ids, BadPattern::UnclosedClass));
    assert_eq!(
        with_path("(").expect_err("refused").to_string(),
        "pathPattern: not a regular expression: missing closing )",
    );
}

#[test]
fn permissions_keep_their_order_and_lose_their_doubles() {
    let policy = with_permissions(&["write", "read", "write"]).expect("valid");
    assert_eq!(policy.permissions(), [Permission::Write, Permission::Read]);
    assert_eq!(with_permissions(&[]), Err(InvalidPolicy::NoPermission));
    let wrong = with_permissions(&["read", "delete"]);
    assert_eq!(wrong, Err(InvalidPolicy::Permission(InvalidPermission)));
}

#[test]
fn a_name_is_checked() {
    let renamed = |name: &str| policy(PolicyFields { name: name.to_owned(), ..fields() });
    assert!(renamed("My-Policy_Name 123").is_ok());
    for bad in ["", "a/b", "a.b", &"a".repeat(251)] {
        assert_eq!(renamed(bad), Err(InvalidPolicy::Name(name::InvalidName)), "{bad}");
    }
}

#[test]
fn a_policy_is_kept_as_json_and_checked_when_it_comes_back() {
    let policy = policy(fields()).expect("valid");
    let kept = serde_json::to_string(&policy).expect("text");
    assert_eq!(
        kept,
        r#"{"name":"db-read","spiffeidPattern":"^spiffe://x/.*$","pathPattern":"^t/.*$","#
            .to_owned()
            + r#""permissions":["read"],"createdAt":"1970-01-01T00:00:01Z","updatedAt":"1970-01-01T00:00:02Z"}"#,
    );
    assert_eq!(serde_json::from_str::<Policy>(&kept).expect("the same"), policy);
    let damaged = kept.replace("^t/.*$", "^t/.**$");
    assert!(serde_json::from_str::<Policy>(&damaged).is_err());
}
