//! The language of nearhit's own commands: its grammar, and its meaning against an evaluator that
//! works on trees.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::super::*;

const PARAMS: [&[u8]; 4] = [b"x", b"2", b"it's \"quoted\"", b"-1.5e1"];

fn compile(expression: &str) -> Result<Filter, FilterError> {
    Filter::compile(expression.as_bytes(), Dialect::Nearhit, &Params::new(PARAMS))
}

fn matches(expression: &str, attribute: &Json) -> bool {
    compile(expression).expect(expression).matches(attribute.to_string().as_bytes())
}

fn attribute() -> Json {
    json!({"n": 25, "s": "Alice in Chains", "t": true, "z": null, "tags": ["red", 7, "light blue"],
        "o": {"p": {"q": 3}, "s": "in"}, "lat": 52.52, "lon": 13.405, "text2": "25"})
}

#[test]
fn examples_match() {
    for expression in [
        ".o.p.q == 3 and .o.s == 'in'",
        ".t == true and .t and not false and (.z == null)",
        "-.n == -25 and - -.n == 25 and -(.n - 20) == -5",
        "-2 ** 2 == 4 and 2 ** -1 == 0.5 and 1e-1 == 0.1 and 2E+1 == 20",
        ".n not in [1, 2] and .n in [true, null, 25, ] and not (.n not in [25])",
        "'red' in .tags and 'green' not in .tags and 'Chains' in .s",
        "exists(.z) and exists(.o.p.q) and not exists(.o) and not exists(.missing) and !exists(.n.x)",
        ".missing == null and not (.missing < 1) and not (.missing > -1) and .missing != 0",
        "(.missing + 1) == null and -.missing == null and not (.z * 2 >= 0)",
        ".missing or true",
        "prefix(.s, 'Alice') and not prefix(.s, 'alice') and prefix(.tags, \"light\") and prefix(.s, '')",
        "contains(.s, 'in Ch') and contains(.tags, 'blue') and not contains(.n, '2')",
        "match(.s, 'chains ALICE') and not match(.s, 'alice cooper') and not match(.s, '')",
        "match(.s, 'chain', 'english') and not match(.s, 'chain') and match(.tags, 'blue red')",
        "geo(.lat, .lon, 52.5, 13.4, 3) and not geo(.lat, .lon, 52.5, 13.4, 1) and not geo(.lat, .s, 0, 0, 99999)",
        "geo(.lat, .lon, $2, $4, 9000) and not geo(.lat, .lon, $2, $4, 5000)",
        "'x' == $1 and .n > $2 and $3 == 'it\\'s \"quoted\"' and $4 == -15 and .n in [$2, 25]",
        ".text2 == 25 and .text2 == '25' and .text2 != '25.0' and '2' < 10",
        "!!.n and not not .n and !not!.n == false",
        ".n>20and(.n<30)",
        "'a\\nb' == \"a\nb\" and '\\'' == \"'\" and \"\\\\\" != '\\\\\\\\'",
        "1 < 2 == true and 2 + 3 * 4 == 14 and 2 ** 3 ** 2 == 512",
        "1 or 0 and 0",
        "not .n == 25 or not .n in [0]",
    ] {
        assert!(matches(expression, &attribute()), "{expression}");
    }
}

#[test]
fn fields_with_other_names_than_of_ascii_are_selected() {
    assert!(matches(".größe.ü-1 == 1", &json!({"größe": {"ü-1": 1}})));
}

#[test]
fn errors_name_the_position_and_what_was_expected() {
    for (expression, error) in [
        ("", "position 0: expected a value"),
        (" ( ", "position 3: expected a value"),
        ("(1", "position 2: expected an operator or `)`"),
        ("1)", "position 1: expected an operator or the end"),
        ("1 2 +", "position 2: expected an operator"),
        ("1 !", "position 2: expected an operator"),
        (".n = 1", "position 3: expected an operator"),
        (".n == 1 and", "position 11: expected a value"),
        (".n not 5", "position 7: expected `in`"),
        (".n xor 5", "position 3: expected an operator"),
        ("NOT .n", "position 0: expected a value"),
        (".a..b", "position 0: expected names with dots between them"),
        (".", "position 0: expected names with dots between them"),
        ("1.2.3 == 1", "position 0: expected a number"),
        ("'abc", "position 0: expected a string that ends"),
        ("'abc\\", "position 0: expected a string that ends"),
        ("[1, 2", "position 5: expected `,` or `]`"),
        ("[1 2]", "position 3: expected `,` or `]`"),
        ("[.n]", "position 1: expected a constant or `]`"),
        ("$0", "position 0: expected `$` and a number from 1 to 4"),
        (".n == $5", "position 6: expected `$` and a number from 1 to 4"),
        ("$x", "position 0: expected `$` and a number from 1 to 4"),
        ("exists .n", "position 7: expected `(`"),
        ("exists(5)", "position 7: expected a field"),
        ("prefix(.n)", "position 9: expected `,`"),
        ("prefix(.n, 5)", "position 11: expected a string or a parameter"),
        ("match(.n, 'a', 'klingon')", "position 15: expected a language that can be stemmed"),
        ("geo(.a, .b, 91, 0, 1)", "position 12: expected a latitude in degrees, from -90 to 90"),
        ("geo(.a, .b, 0, -181, 1)", "position 15: expected a longitude in degrees, from -180 to 180"),
        ("geo(.a, .b, 0, 0, -1)", "position 18: expected a radius that is not negative"),
        ("geo(.a, .b, 0, $1, 1)", "position 15: expected a longitude in degrees"),
        ("geo(.a, .b, 0, 0, 1", "position 19: expected `)`"),
        ("1\0", "position 1: expected an operator"),
        (".n == 25 é", "position 9: expected an operator"),
    ] {
        assert_eq!(compile(expression).unwrap_err().to_string(), error, "{expression}");
    }
    assert_eq!(compile("1 ~ 2").unwrap_err().near(), b"~ 2");
}

#[test]
fn expressions_have_limits() {
    let nested = |depth: usize| format!("{}1{}", "(!".repeat(depth / 2), ")".repeat(depth / 2));
    assert!(compile(&nested(MAX_NESTING)).is_ok());
    let error = compile(&nested(MAX_NESTING + 2)).unwrap_err();
    assert_eq!(error.expected(), "expected no more than 128 parentheses and prefixes in one another");
    // Nesting that has ended does not count.
    assert!(compile(&format!("{0} and {0}", nested(MAX_NESTING))).is_ok());

    let most = format!("1{}", " and .a".repeat(MAX_TOKENS / 2 - 1));
    assert!(compile(&most).is_ok());
    assert!(compile(&format!("{most} or .a")).unwrap_err().expected().contains("16384 tokens"));

    assert!(compile(&format!(".{}", ["a"; MAX_PATH_DEPTH].join("."))).is_ok());
    assert!(
        compile(&format!(".{}", ["a"; MAX_PATH_DEPTH + 1].join(".")))
            .unwrap_err()
            .expected()
            .contains("8 names")
    );

    let long = vec![b'a'; MAX_EXPRESSION_BYTES / 2];
    let twice = Filter::compile(b"$1 == $1", Dialect::Nearhit, &Params::new([&long[..]]));
    assert!(twice.is_ok());
    let thrice = Filter::compile(b"$1 == $1 or $1", Dialect::Nearhit, &Params::new([&long[..]]));
    assert_eq!(thrice.unwrap_err().position(), 12);
}

/// An expression as a tree.
#[derive(Debug, Clone)]
enum Tree {
    Constant(Json),
    Field(&'static str),
    Call(&'static str, &'static str, &'static str),
    Prefix(&'static str, Box<Tree>),
    Infix(&'static str, Box<Tree>, Box<Tree>),
}

const OPERATORS: [(&str, u8); 15] = [
    ("or", 0),
    ("and", 1),
    ("==", 2),
    ("!=", 2),
    ("<", 2),
    (">=", 2),
    ("in", 2),
    ("not in", 2),
    (">", 2),
    ("+", 3),
    ("-", 3),
    ("*", 4),
    ("/", 4),
    ("%", 4),
    ("**", 5),
];

impl Tree {
    fn precedence(&self) -> u8 {
        match self {
            Self::Infix(operator, ..) => OPERATORS.iter().find(|(name, _)| name == operator).unwrap().1,
            Self::Prefix(..) => 6,
            _ => 7,
        }
    }

    /// With as few parentheses as possible.
    fn text(&self) -> String {
        let within = |tree: &Tree, least: u8| {
            if tree.precedence() < least { format!("({})", tree.text()) } else { tree.text() }
        };
        match self {
            Self::Constant(value) => value.to_string(),
            Self::Field(path) => format!(".{path}"),
            Self::Call("exists", path, _) => format!("exists(.{path})"),
            Self::Call(name, path, text) => format!("{name}(.{path}, '{text}')"),
            Self::Prefix(operator, operand) => format!("{operator} {}", within(operand, 6)),
            Self::Infix(operator, left, right) => {
                let own = self.precedence();
                let (left_least, right_least) =
                    if *operator == "**" { (own + 1, own) } else { (own, own + 1) };
                format!("{} {operator} {}", within(left, left_least), within(right, right_least))
            }
        }
    }

    fn value(&self, document: &Json) -> Json {
        match self {
            Self::Constant(value) => value.clone(),
            Self::Field(path) => field(document, path).unwrap_or(Json::Null),
            Self::Call("exists", path, _) => field(document, path).is_some().into(),
            Self::Call(name, path, text) => {
                let texts: Vec<String> = match field(document, path) {
                    Some(Json::String(text)) => vec![text],
                    Some(Json::Array(items)) => {
                        items.iter().filter_map(Json::as_str).map(String::from).collect()
                    }
                    _ => Vec::new(),
                };
                match *name {
                    "prefix" => texts.iter().any(|known| known.starts_with(text)).into(),
                    "contains" => texts.iter().any(|known| known.contains(text)).into(),
                    _ => {
                        let all: Vec<String> =
                            texts.iter().flat_map(|text| text.split(' ')).map(str::to_lowercase).collect();
                        let mut words = text.split(' ').filter(|word| !word.is_empty()).peekable();
                        (words.peek().is_some() && words.all(|word| all.contains(&word.to_lowercase())))
                            .into()
                    }
                }
            }
            Self::Prefix("-", operand) => match operand.value(document) {
                Json::Null => Json::Null,
                value => number_json(-number(&value)),
            },
            Self::Prefix(_, operand) => (!truth(&operand.value(document))).into(),
            Self::Infix(operator, left, right) => {
                infix(operator, &left.value(document), &right.value(document))
            }
        }
    }
}

/// Numbers that JSON cannot say are texts that Redis' conversion reads as such; as an operand of
/// anything but a truth test they are the same.
fn number_json(number: f64) -> Json {
    serde_json::Number::from_f64(number).map_or_else(|| json!({"number": number.to_string()}), Json::Number)
}

fn field(document: &Json, path: &str) -> Option<Json> {
    let found = path.split('.').try_fold(document, |at, name| at.get(name))?;
    let has_object =
        found.is_object() || found.as_array().is_some_and(|items| items.iter().any(Json::is_object));
    (!has_object).then(|| found.clone())
}

fn number(value: &Json) -> f64 {
    match value {
        Json::Number(number) => number.as_f64().unwrap(),
        Json::Bool(truth) => f64::from(u8::from(*truth)),
        Json::String(text) => text.parse().unwrap_or(0.0),
        Json::Object(number) => number["number"].as_str().unwrap().parse().unwrap(),
        Json::Null | Json::Array(_) => 0.0,
    }
}

fn truth(value: &Json) -> bool {
    match value {
        Json::String(text) => !text.is_empty(),
        Json::Null => false,
        Json::Array(_) => true,
        value => number(value) != 0.0,
    }
}

fn equal(left: &Json, right: &Json) -> bool {
    match (left, right) {
        (Json::String(left), Json::String(right)) => left == right,
        (Json::Null, _) | (_, Json::Null) => left == right,
        _ => number(left) == number(right),
    }
}

fn is_in(left: &Json, right: &Json) -> bool {
    match (left, right) {
        (_, Json::Array(items)) => items.iter().any(|item| equal(left, item)),
        (Json::String(part), Json::String(whole)) => whole.contains(part.as_str()),
        _ => false,
    }
}

fn infix(operator: &str, left: &Json, right: &Json) -> Json {
    let (x, y) = (number(left), number(right));
    let unknown = left.is_null() || right.is_null();
    match operator {
        "or" => (truth(left) || truth(right)).into(),
        "and" => (truth(left) && truth(right)).into(),
        "==" => equal(left, right).into(),
        "!=" => (!equal(left, right)).into(),
        "in" => is_in(left, right).into(),
        "not in" => (!is_in(left, right)).into(),
        "<" => (!unknown && x < y).into(),
        ">" => (!unknown && x > y).into(),
        ">=" => (!unknown && x >= y).into(),
        _ if unknown => Json::Null,
        "+" => number_json(x + y),
        "-" => number_json(x - y),
        "*" => number_json(x * y),
        "/" => number_json(x / y),
        "%" => number_json(x % y),
        _ => number_json(x.powf(y)),
    }
}

fn scalar() -> impl Strategy<Value = Json> {
    prop::sample::select(vec![
        json!(0),
        json!(1),
        json!(2.5),
        json!(7),
        json!("x"),
        json!(""),
        json!("2.5"),
        json!("y x"),
        json!("Xy"),
        json!(true),
        json!(false),
        json!(null),
    ])
}

fn tree() -> impl Strategy<Value = Tree> {
    let path = || prop::sample::select(vec!["a", "b", "c", "a.b", "a.b.c", "b.a"]);
    let text = prop::sample::select(vec!["x", "", "y X", "x y z"]);
    let name = prop::sample::select(vec!["exists", "prefix", "contains", "match"]);
    let leaf = prop_oneof![
        3 => scalar().prop_map(Tree::Constant),
        1 => prop::collection::vec(scalar(), 0..3).prop_map(|items| Tree::Constant(items.into())),
        5 => path().prop_map(Tree::Field),
        2 => (name, path(), text).prop_map(|(name, path, text)| Tree::Call(name, path, text)),
    ];
    leaf.prop_recursive(6, 24, 2, |part| {
        let operator = prop::sample::select(OPERATORS.to_vec());
        prop_oneof![
            5 => (operator, part.clone(), part.clone()).prop_map(|((name, _), left, right)| Tree::Infix(name, left.into(), right.into())),
            1 => (prop::sample::select(vec!["not", "!", "-"]), part).prop_map(|(name, operand)| Tree::Prefix(name, operand.into())),
        ]
    })
}

fn document() -> impl Strategy<Value = Json> {
    let value = scalar().prop_recursive(3, 12, 3, |part| {
        prop_oneof![
            prop::collection::vec(part.clone(), 0..3).prop_map(Json::from),
            prop::collection::vec((prop::sample::select(vec!["a", "b", "c"]), part), 0..3).prop_map(object),
        ]
    });
    prop::collection::vec((prop::sample::select(vec!["a", "b", "c"]), value), 0..4).prop_map(object)
}

fn object(fields: Vec<(&'static str, Json)>) -> Json {
    Json::Object(fields.into_iter().map(|(name, value)| (name.to_string(), value)).collect())
}

/// Whether a nested array with an object in it would be read differently by the model, which looks
/// no deeper than one array.
fn has_deep_object(value: &Json) -> bool {
    match value {
        Json::Array(items) => items.iter().any(|item| item.is_array() || has_deep_object(item)),
        Json::Object(fields) => fields.values().any(has_deep_object),
        _ => false,
    }
}

proptest! {
    #[test]
    fn the_answer_is_that_of_the_tree(tree in tree(), document in document()) {
        prop_assume!(!has_deep_object(&document));
        let filter = compile(&tree.text()).unwrap();
        prop_assert_eq!(filter.matches(document.to_string().as_bytes()), truth(&tree.value(&document)), "{}", tree.text());
    }
}
