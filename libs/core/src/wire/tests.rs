//! What holds for every message, and what must never happen. Go's own verdicts are in `tests/wire`.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{
    v1::{Response as _, *},
    *,
};

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).expect("JSON is UTF-8")
}

/// A name with random letters in upper case.
fn any_case(name: &'static str) -> impl Strategy<Value = String> {
    prop::collection::vec(any::<bool>(), name.len()).prop_map(move |upper| {
        let letters = name.chars().zip(upper);
        letters.map(|(c, upper)| if upper { c.to_ascii_uppercase() } else { c }).collect()
    })
}

fn secrets() -> impl Strategy<Value = BTreeMap<String, String>> {
    prop::collection::btree_map(any::<String>(), any::<String>(), 0..5)
}

fn hidden(values: &BTreeMap<String, String>) -> BTreeMap<String, SecretText> {
    values.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect()
}

/// Decodes as everything that can arrive from outside.
fn decode_as_everything(body: &[u8]) -> usize {
    [
        decode::<SecretPutRequest>(body).is_ok(),
        decode::<SecretDeleteRequest>(body).is_ok(),
        decode::<SecretMetadataResponse>(body).is_ok(),
        decode::<PolicyPutRequest>(body).is_ok(),
        decode::<PolicyListResponse>(body).is_ok(),
        decode::<CipherDecryptRequest>(body).is_ok(),
        decode::<RestoreRequest>(body).is_ok(),
        decode::<RecoverResponse>(body).is_ok(),
        decode::<ShardGetResponse>(body).is_ok(),
    ]
    .into_iter()
    .filter(|&understood| understood)
    .count()
}

proptest! {
    #[test]
    fn a_request_comes_back(path in any::<String>(), values in secrets()) {
        let request = SecretPutRequest { path, values: hidden(&values) };
        prop_assert_eq!(decode::<SecretPutRequest>(&encode(&request)), Ok(request));
    }

    #[test]
    fn bytes_come_back(version in any::<u8>(), nonce in any::<Vec<u8>>(), ciphertext in any::<Vec<u8>>()) {
        let request = CipherDecryptRequest {
            version,
            nonce: nonce.into(),
            ciphertext: ciphertext.into(),
            algorithm: String::new(),
        };
        prop_assert_eq!(decode::<CipherDecryptRequest>(&encode(&request)), Ok(request));
    }

    #[test]
    fn shards_come_back(shards in prop::collection::btree_map(any::<i64>(), any::<[u8; 32]>(), 0..4)) {
        let shards = shards.into_iter().map(|(index, shard)| (index, Some(shard.into()))).collect();
        let answer = RecoverResponse { shards: Some(shards), err: None };
        prop_assert_eq!(decode::<RecoverResponse>(&encode(&answer)), Ok(answer));
    }

    #[test]
    fn times_come_back(seconds in -62_135_596_800i64..253_402_207_199, nanos in 0i32..1_000_000_000) {
        let time = jiff::Timestamp::new(seconds, nanos).expect("within jiff's range");
        let answer = VersionInfo { created_time: time.into(), version: 1, deleted_time: Some(time.into()) };
        prop_assert_eq!(decode::<VersionInfo>(&encode(&answer)), Ok(answer));
    }

    #[test]
    fn what_we_write_is_what_serde_json_reads(path in any::<String>(), values in secrets()) {
        let request = SecretPutRequest { path: path.clone(), values: hidden(&values) };
        let read: serde_json::Value = serde_json::from_slice(&encode(&request)).expect("JSON");
        prop_assert_eq!(read, serde_json::json!({ "path": path, "values": values }));
    }

    #[test]
    fn keys_match_in_any_case(path in any_case("path"), versions in any_case("versions")) {
        let body = format!(r#"{{"{path}":"a/b","{versions}":[1,2]}}"#);
        let expected = SecretDeleteRequest { path: "a/b".to_owned(), versions: vec![1, 2] };
        prop_assert_eq!(decode(body.as_bytes()), Ok(expected));
    }

    #[test]
    fn other_keys_are_passed_over(key in "[a-z]{1,12}", value in any::<i64>()) {
        prop_assume!(key != "path" && key != "version");
        let body = serde_json::json!({ "path": "a", key: [{ "version": value }] }).to_string();
        let expected = SecretGetRequest { path: "a".to_owned(), version: 0 };
        prop_assert_eq!(decode(body.as_bytes()), Ok(expected));
    }

    #[test]
    fn of_duplicates_the_last_wins(versions in prop::collection::vec(any::<i64>(), 1..5)) {
        let members: Vec<_> = versions.iter().map(|n| format!(r#""version":{n}"#)).collect();
        let request: SecretGetRequest =
            decode(format!("{{{}}}", members.join(",")).as_bytes()).expect("JSON");
        prop_assert_eq!(Some(&request.version), versions.last());
    }

    #[test]
    fn arbitrary_bytes_never_panic(body in any::<Vec<u8>>()) {
        decode_as_everything(&body);
    }

    #[test]
    fn almost_json_never_panics(body in r#"[\[\]{}:,"\\u0-9a-f\-.eE tn]{0,60}"#) {
        decode_as_everything(body.as_bytes());
    }

    #[test]
    fn what_serde_json_refuses_is_no_json_here_either(body in r#"[\[\]{}:,"0-9\-.e nul]{0,20}"#) {
        if serde_json::from_str::<serde::de::IgnoredAny>(&body).is_err() {
            prop_assert_eq!(decode_as_everything(body.as_bytes()), 0);
        }
    }

    #[test]
    fn every_cut_of_a_message_is_an_error(values in secrets(), cut in any::<prop::sample::Index>()) {
        let whole = encode(&SecretPutRequest { path: "a".to_owned(), values: hidden(&values) });
        let cut = cut.index(whole.len());
        prop_assert!(decode::<SecretPutRequest>(&whole[..cut]).is_err());
    }
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| {
        let inner = depth - 1;
        format!(r#"{{"a":{}{}}}"#, "[".repeat(inner), "]".repeat(inner))
    };
    let limit = usize::from(MAX_DEPTH);
    assert_eq!(decode(nested(limit).as_bytes()), Ok(SecretListRequest {}));
    let too_deep = decode::<SecretListRequest>(nested(limit + 1).as_bytes());
    assert_eq!(too_deep, Err(BadJson { expected: "less nesting", at: 5 + limit - 1 }));
    let hostile = "[".repeat(10_000_000);
    assert!(decode::<SecretListRequest>(format!(r#"{{"a":{hostile}"#).as_bytes()).is_err());
}

#[test]
fn an_error_says_what_was_expected_where() {
    let told = |body: &str| decode::<RestoreRequest>(body.as_bytes()).expect_err(body).to_string();
    assert_eq!(told(r#"{"id":"1"}"#), "expected a value at byte 6");
    assert_eq!(told(r#"{"id":1.5}"#), "expected an integer of 64 bits at byte 6");
    assert_eq!(told(r#"{"shard":"AQ=="}"#), "expected an array at byte 9");
    assert_eq!(told(r#"{"shard":[256]}"#), "expected an integer from 0 to 255 at byte 10");
    assert_eq!(told(r#"{"id":1} x"#), "expected the end at byte 9");
    assert_eq!(told(r#"{"id":1"#), "expected a comma or } at byte 7");
}

#[test]
fn a_failure_is_the_zero_struct_with_a_code() {
    let encoded = |bytes: zeroize::Zeroizing<Vec<u8>>| text(&bytes).to_owned();
    let code = || ErrorCode::NotReady;
    assert_eq!(
        encoded(encode(&RecoverResponse::failed(code()))),
        r#"{"shards":null,"err":"state_not_ready"}"#
    );
    assert_eq!(
        encoded(encode(&ShardGetResponse::failed(code()))),
        r#"{"shard":null,"Err":"state_not_ready"}"#
    );
    assert_eq!(encoded(encode(&Fallback::failed(code()))), r#"{"err":"state_not_ready"}"#);
    assert_eq!(encoded(encode(&SecretPutResponse::default())), "{}");
}

#[test]
fn a_code_that_nobody_knows_is_kept() {
    let answer: Fallback = decode(br#"{"err":"shamir_nil_shard"}"#).expect("JSON");
    assert_eq!(answer.error(), Some(&ErrorCode::Other("shamir_nil_shard".to_owned())));
    let answer: Fallback = decode(br#"{"err":"crypto_decryption_failed"}"#).expect("JSON");
    assert_eq!(answer.error(), Some(&ErrorCode::DecryptionFailed));
}

#[test]
fn what_is_a_secret_is_never_shown() {
    let secret = "correct horse battery staple";
    let put =
        SecretPutRequest { path: "a".to_owned(), values: [("k".to_owned(), secret.into())].into() };
    let encrypt = CipherEncryptRequest {
        plaintext: secret.as_bytes().to_vec().into(),
        algorithm: String::new(),
    };
    let restore = RestoreRequest { id: 1, shard: Some([77; 32].into()) };
    let shown = format!("{put:?} {encrypt:?} {restore:?}");
    assert!(
        !shown.contains("horse") && !shown.contains("99, 111") && !shown.contains("77"),
        "{shown}"
    );
    assert_eq!(shown.matches("[redacted]").count(), 3);
}

#[test]
fn a_zero_shard_is_recognised() {
    assert!(ShardBytes::default().is_zero());
    assert!(!ShardBytes::from([1; 32]).is_zero());
}

#[test]
fn routes_are_spikes() {
    assert_eq!((SecretGetRequest::PATH, SecretGetRequest::ACTION), ("/v1/store/secrets", "get"));
    assert_eq!((SecretPutRequest::PATH, SecretPutRequest::ACTION), ("/v1/store/secrets", ""));
}
