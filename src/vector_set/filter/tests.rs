mod bounds;
mod nearhit;

use proptest::prelude::*;

use super::*;

/// What `"BASE"` stands for in the vectors.
const BASE: &str = r#"{"n":25,"f":2.5,"s":"Alice","t":true,"b":false,"z":null,"a":[1,"x",3.5],"e":"","neg":-3,"num":"42","o":{"y":1},"ea":[],"big":1e300}"#;

/// Answers of a Redis 8.6 server, one JSON object a line: `attr` (null or "": the element has
/// none), `expr`, and either `match` or `error_near`.
const VECTORS: &str = include_str!("../../../tests/data/filter-vectors.jsonl");

fn compile(expression: &[u8]) -> Result<Filter, FilterError> {
    Filter::compile(expression, Dialect::Redis, &Params::default())
}

fn matches(expression: &str, attribute: &str) -> bool {
    compile(expression.as_bytes()).unwrap().matches(attribute.as_bytes())
}

#[test]
fn answers_as_redis_does() {
    let mut checked = 0;
    for line in VECTORS.lines() {
        let vector: serde_json::Value = serde_json::from_str(line).unwrap();
        let expression = vector["expr"].as_str().unwrap();
        let attribute = vector["attr"].as_str().filter(|attribute| !attribute.is_empty());
        let attribute = attribute.map(|attribute| if attribute == "BASE" { BASE } else { attribute });
        match compile(expression.as_bytes()) {
            Ok(filter) => {
                let matched = attribute.is_some_and(|attribute| filter.matches(attribute.as_bytes()));
                assert_eq!(Some(matched), vector["match"].as_bool(), "{line}");
            }
            Err(error) => {
                let near = String::from_utf8_lossy(error.near()).replace(['\r', '\n'], " ");
                assert_eq!(Some(near.as_str()), vector["error_near"].as_str(), "{line}");
            }
        }
        checked += 1;
    }
    assert_eq!(checked, 329);
}

/// Redis' own tests of what came after 8.10, in the words of the vectors.
#[test]
fn later_releases_decode_escapes_and_know_prefixes_of_prefixes() {
    let newer = |expression: &str, attribute: &str| {
        let filter = Filter::compile(expression.as_bytes(), Dialect::Redis8_12, &Params::default());
        filter.map(|filter| filter.matches(attribute.as_bytes()))
    };
    let texts = r#"{"dq":"a\"b","sq":"O'Brien","bs":"x\\y","nl":"l1\nl2","n":5}"#;
    for expression in [
        r#".dq == "a\"b""#,
        r".sq == 'O\'Brien'",
        r#".bs == "x\\y""#,
        r#".nl == "l1\nl2""#,
        r#""\"b" in .dq"#,
        r#".dq in ["zzz", "a\"b"]"#,
        r"!!.n == 1",
        "not not .n",
        "!!!.n or .n > 1 and not not .n",
        "2 ** not not .n == 2",
    ] {
        assert!(compile(expression.as_bytes()).is_err() || !matches(expression, texts), "{expression}");
        assert_eq!(newer(expression, texts), Ok(true), "{expression}");
    }
    for line in VECTORS
        .lines()
        .filter(|line| !line.contains("!!") && !line.contains("not not") && !line.contains(r"\\"))
    {
        let vector: serde_json::Value = serde_json::from_str(line).unwrap();
        let expression = vector["expr"].as_str().unwrap();
        let filter = Filter::compile(expression.as_bytes(), Dialect::Redis8_12, &Params::default());
        assert_eq!(filter.map(drop), compile(expression.as_bytes()).map(drop), "{line}");
    }
}

#[test]
fn an_expression_ends_at_its_first_nul() {
    assert!(matches("1\0)", "x"));
    for (expression, near) in [("1 2\0x", "1 2"), ("1 2 =\0", ""), ("$\0x", "$"), ("\0", "")] {
        assert_eq!(compile(expression.as_bytes()).unwrap_err().near(), near.as_bytes(), "{expression:?}");
    }
}

#[test]
fn expressions_have_limits() {
    let longest = format!("1{}", " ".repeat(MAX_EXPRESSION_BYTES - 1));
    assert!(compile(longest.as_bytes()).is_ok());
    let error = compile(format!("{longest} ").as_bytes()).unwrap_err();
    assert_eq!(error.near(), b"expression of more than 1048576 bytes");

    let most = format!("1{}", "+1".repeat(MAX_TOKENS / 2 - 1));
    assert!(compile(format!("!{most}").as_bytes()).is_ok());
    let error = compile(format!("{most}+1").as_bytes()).unwrap_err();
    assert_eq!(error.near(), b"expression of more than 16384 tokens");
}

#[test]
fn long_numbers_are_refused_in_expressions() {
    let longest = format!("{}7", "0".repeat(254));
    assert!(matches(&format!("{longest} == 7"), "x"));
    assert_eq!(compile(format!("0{longest} == 7").as_bytes()).unwrap_err().near(), b"7 == 7");
}

#[test]
fn long_numbers_are_cut_in_attributes() {
    let longest = format!("{}7", "0".repeat(254));
    assert!(matches(".a == 7", &format!(r#"{{"a":{longest}}}"#)));
    assert!(matches(".a == 7 and .b", &format!(r#"{{"a":{longest}9,"b":1}}"#)));
    assert!(matches(".a", &format!(r#"{{"a":[{longest}]}}"#)));
    assert!(!matches(".a", &format!(r#"{{"a":[{longest}9]}}"#)));
}

#[test]
fn arrays_nest_to_any_depth() {
    let depth = 1_000_000;
    let deep = format!(r#"{{"a":[{}{}]}}"#, "[".repeat(depth), "]".repeat(depth));
    assert!(matches(".a", &deep));
    assert!(matches("0 in .a", &deep));
    assert!(!matches(".b", &deep));
    assert!(!matches(".a", &deep[..deep.len() - 2]));
}

#[test]
fn parentheses_nest_to_any_depth() {
    let depth = MAX_TOKENS / 2 - 1;
    assert!(matches(&format!("{}1{}", "(".repeat(depth), ")".repeat(depth)), "x"));
}

#[test]
fn many_values_may_wait_for_their_operator() {
    assert!(matches(&format!("{}1{}== 11", "1+(".repeat(10), ")".repeat(10)), "x"));
    assert!(matches(".a+.b+.c+.d+.e+.f == 21", r#"{"f":6,"e":5,"d":4,"c":3,"b":2,"a":1}"#));
}

/// Pieces of expressions and of JSON that are likelier than chance to get somewhere together.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let pieces = vec![
        ".a", ".b", ".", "1", "-2", "0.5", "'x'", "\"", "[", "]", ",", "(", ")", "!", "not ", "**", "in ",
        "null ", "==", "and ", "{", "}", ":", "\"a\"", "\"b\"", "\\", "true", "1e5", " ", "{\"a\":", "-",
        "0x1p-3", "\0",
    ];
    prop::collection::vec(prop::sample::select(pieces), 0..24).prop_map(|pieces| pieces.concat().into_bytes())
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(expression in prop_oneof![soup(), any::<Vec<u8>>()], attribute in prop_oneof![soup(), any::<Vec<u8>>()]) {
        if let Ok(filter) = compile(&expression) {
            filter.matches(&attribute);
        }
    }

    #[test]
    fn no_attribute_makes_it_panic(attribute in prop_oneof![soup(), any::<Vec<u8>>()]) {
        for expression in [".a", ".b in .a", ".a == 1", "'x' in .b"] {
            compile(expression.as_bytes()).unwrap().matches(&attribute);
        }
    }
}
