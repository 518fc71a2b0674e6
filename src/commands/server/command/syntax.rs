//! The grammar in which a [`Spec`](crate::commands::Spec) states its arguments, and the tree that
//! `COMMAND DOCS` shows.
//!
//! ```text
//! key value [condition(NX|XX)@2.6.12] [GET] [expiration(EX seconds:integer|KEEPTTL)] field... [GET... pattern:pattern]
//! ```
//!
//! Arguments stand in order, with blanks between them:
//!
//! ```text
//! name  name:type        a value; `key` is a key, others are strings unless their type says otherwise: key, string,
//!                        integer, double, pattern, unix-time
//! name'text'             a value with another name in usage lines
//! TOKEN                  a word that stands for itself
//! TOKEN name             a value, or a group, after a word
//! name(a b)              a group: these in order (a block)
//! name(a|b)              a group: one of these
//! [a]                    may be left out
//! a...                   may be repeated; TOKEN... name repeats the word along with the value
//! a@1.2.3                exists since this version of Redis
//! a!1.2.3                deprecated since this version of Redis
//! ```
//!
//! `@` and `!` follow `...`, and stand within `[]`.

/// One argument, or a group of them.
#[derive(Debug, PartialEq)]
pub(super) struct Argument {
    /// A token without a value has its own text as its name.
    pub name: String,
    /// Its kind, and the members of a group.
    pub kind: Kind,
    /// The word in front of it, or the word it is.
    pub token: Option<&'static str>,
    /// Its name in usage lines, if that is another one.
    pub display: Option<&'static str>,
    /// The version of Redis that introduced it, if it is newer than the command.
    pub since: Option<&'static str>,
    /// The version of Redis that deprecated it.
    pub deprecated: Option<&'static str>,
    /// May be left out.
    pub optional: bool,
    /// May be repeated.
    pub repeated: bool,
    /// Is repeated with its token.
    pub token_repeated: bool,
}

/// What an argument is.
#[derive(Debug, PartialEq)]
pub(super) enum Kind {
    /// A value, of a type as `COMMAND DOCS` names it.
    Value(&'static str),
    /// Only its token.
    Token,
    /// All of these, in order.
    Block(Vec<Argument>),
    /// One of these.
    OneOf(Vec<Argument>),
}

/// The text does not match the grammar; holds the part that could not be parsed.
#[derive(Debug, PartialEq)]
pub(super) struct Malformed(&'static str);

const TYPES: [&str; 7] = ["key", "string", "integer", "double", "pattern", "unix-time", "digest"];

/// Characters that end a word.
const DELIMITERS: &[char] = &[' ', '[', ']', '(', ')', '|', '@', '!', '\'', ':'];
const REPEATED: &str = "...";

/// Reads the arguments of a command.
pub(super) fn parse(syntax: &'static str) -> Result<Vec<Argument>, Malformed> {
    if syntax.is_empty() {
        return Ok(Vec::new());
    }
    let mut parser = Parser { rest: syntax };
    let arguments = parser.separated(' ')?;
    if parser.rest.is_empty() { Ok(arguments) } else { Err(Malformed(parser.rest)) }
}

struct Parser {
    rest: &'static str,
}

impl Parser {
    fn separated(&mut self, separator: char) -> Result<Vec<Argument>, Malformed> {
        let mut arguments = vec![self.element()?];
        while self.take(separator) {
            arguments.push(self.element()?);
        }
        Ok(arguments)
    }

    fn element(&mut self) -> Result<Argument, Malformed> {
        if !self.take('[') {
            return self.item();
        }
        let argument = Argument { optional: true, ..self.item()? };
        self.expect(']')?;
        Ok(argument)
    }

    fn item(&mut self) -> Result<Argument, Malformed> {
        let mut argument = if self.at_token() { self.token()? } else { self.value()? };
        if self.take('@') {
            argument.since = Some(self.version()?);
        }
        if self.take('!') {
            argument.deprecated = Some(self.version()?);
        }
        Ok(argument)
    }

    /// A token, and the value after it if it has one.
    fn token(&mut self) -> Result<Argument, Malformed> {
        let token = self.word()?;
        let token_repeated = self.take_repeated();
        let mut argument = if self.rest.starts_with(' ') && self.value_follows() {
            self.expect(' ')?;
            self.value()?
        } else {
            Argument::new(token.to_ascii_lowercase(), Kind::Token)
        };
        argument.token = Some(token);
        argument.token_repeated = token_repeated;
        argument.repeated |= token_repeated;
        Ok(argument)
    }

    fn value(&mut self) -> Result<Argument, Malformed> {
        let name = self.word()?;
        let mut argument = if self.take('(') { self.group(name)? } else { self.field(name)? };
        argument.repeated = self.take_repeated();
        Ok(argument)
    }

    fn group(&mut self, name: &str) -> Result<Argument, Malformed> {
        let mut members = vec![self.element()?];
        let kind = if self.take('|') {
            members.extend(self.separated('|')?);
            Kind::OneOf(members)
        } else {
            if self.take(' ') {
                members.extend(self.separated(' ')?);
            }
            Kind::Block(members)
        };
        self.expect(')')?;
        Ok(Argument::new(name.to_owned(), kind))
    }

    fn field(&mut self, name: &'static str) -> Result<Argument, Malformed> {
        let kind = match self.take(':') {
            true => self.word().and_then(type_of)?,
            false if name == "key" => "key",
            false => "string",
        };
        let mut argument = Argument::new(name.to_owned(), Kind::Value(kind));
        if self.take('\'') {
            argument.display = Some(self.until('\'')?);
        }
        Ok(argument)
    }

    fn at_token(&self) -> bool {
        self.rest.starts_with(|first: char| first.is_ascii_uppercase())
    }

    fn value_follows(&self) -> bool {
        self.rest[1..].starts_with(|first: char| first.is_ascii_lowercase())
    }

    fn take(&mut self, expected: char) -> bool {
        let after = self.rest.strip_prefix(expected);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn take_repeated(&mut self) -> bool {
        let after = self.rest.strip_prefix(REPEATED);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn expect(&mut self, expected: char) -> Result<(), Malformed> {
        if self.take(expected) { Ok(()) } else { Err(Malformed(self.rest)) }
    }

    /// A name, token or type: up to a delimiter or dots.
    fn word(&mut self) -> Result<&'static str, Malformed> {
        let dots = self.rest.find(REPEATED).unwrap_or(self.rest.len());
        let end = self.rest.find(DELIMITERS).unwrap_or(self.rest.len()).min(dots);
        self.cut(end)
    }

    fn version(&mut self) -> Result<&'static str, Malformed> {
        let ends = |next: char| !next.is_ascii_digit() && next != '.';
        self.cut(self.rest.find(ends).unwrap_or(self.rest.len()))
    }

    fn until(&mut self, mark: char) -> Result<&'static str, Malformed> {
        let (text, rest) = self.rest.split_once(mark).ok_or(Malformed(self.rest))?;
        self.rest = rest;
        Ok(text)
    }

    fn cut(&mut self, end: usize) -> Result<&'static str, Malformed> {
        if end == 0 {
            return Err(Malformed(self.rest));
        }
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        Ok(text)
    }
}

fn type_of(word: &'static str) -> Result<&'static str, Malformed> {
    if TYPES.contains(&word) { Ok(word) } else { Err(Malformed(word)) }
}

impl Argument {
    fn new(name: String, kind: Kind) -> Self {
        Self {
            name,
            kind,
            token: None,
            display: None,
            since: None,
            deprecated: None,
            optional: false,
            repeated: false,
            token_repeated: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::registry;

    fn one(syntax: &'static str) -> Argument {
        let mut arguments = parse(syntax).expect(syntax);
        assert_eq!(arguments.len(), 1, "{syntax}");
        arguments.remove(0)
    }

    #[test]
    fn values_have_types() {
        assert_eq!(one("key").kind, Kind::Value("key"));
        assert_eq!(one("name").kind, Kind::Value("string"));
        assert_eq!(one("at:unix-time").kind, Kind::Value("unix-time"));
        let shown = one("node'ip:port'!2.8.12");
        assert_eq!((shown.display, shown.deprecated, shown.since), (Some("ip:port"), Some("2.8.12"), None));
    }

    #[test]
    fn a_token_takes_the_value_behind_it() {
        let arguments = parse("[EX seconds:integer@2.6.12] [GET] key").expect("three arguments");
        let names: Vec<_> = arguments.iter().map(|argument| (&*argument.name, argument.token)).collect();
        assert_eq!(names, [("seconds", Some("EX")), ("get", Some("GET")), ("key", None)]);
        assert!(arguments[0].optional && arguments[0].since == Some("2.6.12") && !arguments[2].optional);
    }

    #[test]
    fn groups_are_blocks_or_choices() {
        let Kind::Block(pair) = one("data(field value)...").kind else { panic!("a block") };
        assert_eq!(pair.len(), 2);
        let Kind::OneOf(choice) = one("[condition(NX|XX|IF a(b c))]").kind else { panic!("a choice") };
        assert_eq!(
            choice.iter().map(|member| member.token).collect::<Vec<_>>(),
            [Some("NX"), Some("XX"), Some("IF")]
        );
        assert!(matches!(&choice[2].kind, Kind::Block(members) if members.len() == 2));
    }

    #[test]
    fn repetition_belongs_to_the_value_or_to_its_token() {
        let value = one("[ID id:integer...@6.2.0]");
        assert!(value.optional && value.repeated && !value.token_repeated && value.since == Some("6.2.0"));
        let token = one("[GET... pattern:pattern]");
        assert!(token.repeated && token.token_repeated);
    }

    #[test]
    fn what_is_malformed_is_refused() {
        for syntax in [
            " ",
            "key ",
            "key  value",
            "[key",
            "key]",
            "a(b",
            "a()",
            "a(b|c d)",
            "a:float",
            "a'b",
            "a@",
            "[[a]]",
        ] {
            assert!(parse(syntax).is_err(), "{syntax}");
        }
    }

    #[test]
    fn every_command_has_a_syntax_that_can_be_read() {
        let all =
            registry::all().into_iter().flat_map(|command| [vec![command], command.subcommands()].concat());
        for spec in all.map(|command| command.spec) {
            assert_eq!(parse(spec.syntax).err(), None, "{}", spec.name);
        }
    }
}
