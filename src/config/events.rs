//! `notify-keyspace-events`: letters for classes of events and for channels.

/// The classes that `A` stands for, in the order in which they are shown.
const MOST: &str = "g$lshzxetd";
/// Classes that are not shown beside `A`, as in Redis, but hold.
const BESIDE: &str = "noca";
/// All other letters, in the order in which they are shown. Those from `S` on came with Redis 8.8;
/// the last one is of this server.
const OTHERS: &str = "KEmSTIVv";

/// The letters of a value, each once, in one order, with those that `A` stands for; none if there
/// is another letter.
pub(super) fn parse(value: &str) -> Option<String> {
    let all = || MOST.chars().chain(BESIDE.chars()).chain(OTHERS.chars());
    if !value.chars().all(|letter| letter == 'A' || all().any(|known| known == letter)) {
        return None;
    }
    let has_most = value.contains('A');
    let is_set = |letter: &char| value.contains(*letter) || has_most && MOST.contains(*letter);
    Some(all().filter(is_set).collect())
}

/// The letters as `CONFIG GET` shows them.
pub(super) fn shown(letters: &str) -> String {
    let has_most = MOST.chars().all(|letter| letters.contains(letter));
    let is_shown = |letter: &char| !has_most || OTHERS.contains(*letter);
    has_most.then_some('A').into_iter().chain(letters.chars().filter(is_shown)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_shown_in_redis_order() {
        for (value, expected) in [
            ("", ""),
            ("KEA", "AKE"),
            ("mKEAn", "AKEm"),
            ("Ex", "xE"),
            ("KE$", "$KE"),
            ("KElshzxetdmnoc", "lshzxetdnocKEm"),
            ("KEg$lshzxetd", "AKE"),
            ("IVTShK", "hKSTIV"),
            ("vIA", "AIv"),
        ] {
            assert_eq!(parse(value).map(|letters| shown(&letters)).as_deref(), Some(expected), "{value}");
        }
        assert_eq!([parse("kea"), parse("KEq"), parse("KE A")], [None, None, None]);
        assert_eq!(parse("An").as_deref(), Some("g$lshzxetdn"), "new keys are published");
    }
}
