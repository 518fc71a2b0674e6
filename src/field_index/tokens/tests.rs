use proptest::prelude::*;

use super::*;

fn words(language: Option<Language>, text: &[u8]) -> Vec<String> {
    let mut words = Vec::new();
    let _ = Tokenizer::new(language).words(text, |word| {
        words.push(word.to_owned());
        ControlFlow::<()>::Continue(())
    });
    words
}

fn plain(text: &str) -> Vec<String> {
    words(None, text.as_bytes())
}

#[test]
fn words_are_lower_case_and_without_punctuation() {
    assert_eq!(
        plain("  The (quick) \"Brown\" fox,\tcan't jump 32.3 feet!\n"),
        ["the", "quick", "brown", "fox", "can't", "jump", "32.3", "feet"]
    );
    assert_eq!(plain("a-b c_d _ ... example.com x@y"), ["a", "b", "c_d", "example.com", "x", "y"]);
    assert_eq!(plain("ÉCOLE Straße 東京 ΟΔΟΣ"), ["école", "straße", "東", "京", "οδοσ"]);
    assert_eq!(plain("οδός")[0], plain("ΟΔΌΣ")[0]);
    assert_eq!(plain(""), [""; 0]);
}

#[test]
fn bytes_that_are_no_text_part_words() {
    assert_eq!(words(None, b"one\xfftwo \xc3"), ["one", "two"]);
    assert_eq!(words(Some(Language::ENGLISH), b"\xf0\x9f\x98"), [""; 0]);
}

#[test]
fn stems_are_those_of_the_language() {
    assert_eq!(words(Some(Language::ENGLISH), b"Connected connections"), ["connect", "connect"]);
    let german = Language::parse(b"german");
    assert_eq!(words(german, "Häuser".as_bytes()), ["haus"]);
}

#[test]
fn a_long_word_is_cut_between_characters() {
    let long = "é".repeat(100);
    assert_eq!(plain(&long)[0].len(), MAX_WORD_BYTES);
    assert_eq!(plain(&format!("x{long}"))[0].len(), MAX_WORD_BYTES - 1);
    assert_eq!(plain(&"X".repeat(1000)), ["x".repeat(MAX_WORD_BYTES)]);
}

fn matches(query: &str, text: &str) -> bool {
    let tokenizer = Tokenizer::new(Some(Language::ENGLISH));
    WordQuery::new(&tokenizer, query.as_bytes()).matches(&tokenizer, text.as_bytes())
}

#[test]
fn a_text_matches_if_it_has_all_words() {
    assert!(matches("dogs RUN", "A dog runs, another does not."));
    assert!(matches("dog dog", "dog"));
    assert!(!matches("dog cat", "dog"));
    assert!(!matches("do", "dog") && !matches("dog", ""));
    assert!(!matches("", "dog") && !matches("?!", "dog") && !matches("", ""));
}

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9_'.,:; \t\\-]{0,40}",
        "[a-zéßσςΣİא֑'’٣㉢東カ\u{200d}\u{301} .:🇩🇪]{0,20}",
        any::<String>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn the_fast_path_finds_the_words_of_the_rules(text in "[a-zA-Z0-9_'.,:;!@ \t\n\\-]{0,60}") {
        let slow: Vec<String> = text.unicode_words().map(str::to_ascii_lowercase).collect();
        prop_assert_eq!(plain(&text), slow);
    }

    #[test]
    fn every_text_has_bounded_words_in_every_language(text in texts(), language in 0..19_usize) {
        let language = Language::all().nth(language);
        for word in words(language, text.as_bytes()) {
            prop_assert!(!word.is_empty() && word.len() <= MAX_WORD_BYTES + 8, "{}", word.len());
        }
    }

    #[test]
    fn a_query_agrees_with_sets(query in "[a-c ]{0,8}", text in "[a-c ]{0,30}") {
        let tokenizer = Tokenizer::new(None);
        let (wanted, there) = (plain(&query), plain(&text));
        let expected = !wanted.is_empty() && wanted.iter().all(|word| there.contains(word));
        prop_assert_eq!(WordQuery::new(&tokenizer, query.as_bytes()).matches(&tokenizer, text.as_bytes()), expected);
    }
}
