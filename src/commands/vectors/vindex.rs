//! `VINDEX key CREATE field KEYWORD|NUMERIC|TEXT|GEO [STEM language]`, `VINDEX key DROP field`,
//! `VINDEX key LIST`: indexes of fields of attributes, by which filters find elements (an
//! extension).
//!
//! | kind | what it answers without reading attributes |
//! |---|---|
//! | `KEYWORD` | equality and `in` of strings and numbers, items of arrays; other conditions on the field, if it has at most 16,384 different values |
//! | `NUMERIC` | comparisons with numbers, and what `and`, `or`, `not` make of them |
//! | `TEXT` | `match` of words; with `STEM english`, those of a `match` that stems in English |
//! | `GEO` | `geo` of a field that is an object with `lat` and `lon`, or of two fields, written `lat,lon` |
//!
//! Values of another type than the index holds are told apart, and filters read those attributes:
//! an index changes no answer. It is built in the background; `LIST` shows how far it is:
//!
//! ```text
//! field        the name            kind         KEYWORD …      language     of STEM, or null
//! state        ready or building   progress     0 … 1, as a share of the set's slots
//! cardinality  different values    entries      pairs of value and element
//! others       elements whose value is of another type         bytes        memory
//! ```

use std::sync::Arc;

use super::{KEY, change_set, look_at_set};
use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec, Weight};
use crate::journal::Record;
use crate::resp::{Args, Error, Reply};
use crate::vector_set::{
    FieldKind, FieldSpec, FieldState, Language, MAX_FIELDS, NotAdded, build_in_background,
};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "VINDEX",
    arity: Arity::AtLeast(3),
    flags: Flags::WRITE.and(Flags::DENYOOM).and(Flags::MODULE),
    keys: KEY,
    scope: Scope::NamedKeys,
    redact: None,
    group: Group::Module,
    since: "8.0.0",
    complexity: "O(1); the index of a set with N elements is built in the background in O(N*log(N))",
    summary: "Make, remove or list indexes of fields of attributes (an extension to Redis)",
    syntax: "key action(create(CREATE field kind(KEYWORD|NUMERIC|TEXT|GEO) [STEM language])|drop(DROP field)|LIST)",
    tips: &[],
    // An index that is dropped is freed at once.
    weight: Weight::HeavyIf(|mut args, _| {
        args.skip(1);
        args.keyword("DROP")
    }),
    run: Run::Write(execute),
};

fn execute(mut args: Args, cx: &mut Context, record: Record) -> Result<Reply, Error> {
    let key = args.bytes()?;
    if args.keyword("CREATE") {
        create(key, spec(&mut args)?, cx, record)
    } else if args.keyword("DROP") {
        let field = FieldSpec::normal_name(args.bytes()?);
        end(&args)?;
        drop_field(key, &field, cx, record)
    } else if args.keyword("LIST") {
        end(&args)?;
        let states = look_at_set(cx, key, |set| set.field_states())?.ok_or(Error::no_such_key())?;
        Ok(Reply::Array(states.into_iter().map(describe).collect()))
    } else {
        Err(Error::syntax())
    }
}

fn end(args: &Args) -> Result<(), Error> {
    if args.is_empty() { Ok(()) } else { Err(Error::syntax()) }
}

fn spec(args: &mut Args) -> Result<FieldSpec, Error> {
    let field = args.bytes()?;
    let kind = args.bytes()?;
    let kind = FieldKind::parse(kind)
        .ok_or(Error::new("ERR invalid kind of index, it must be KEYWORD, NUMERIC, TEXT or GEO"))?;
    let language = if args.keyword("STEM") {
        let language = Language::parse(args.bytes()?);
        Some(language.ok_or(Error::new("ERR there is no stemming in this language"))?)
    } else {
        None
    };
    end(args)?;
    FieldSpec::new(field, kind, language).map_err(|invalid| Error::from(format!("ERR {invalid}")))
}

fn create(key: &[u8], spec: FieldSpec, cx: &Context, record: Record) -> Result<Reply, Error> {
    let outcome = change_set(cx, key, record, |set, hold, record| set.add_field(hold, spec.clone(), record))?;
    match outcome.ok_or(Error::no_such_key())? {
        Ok(()) => {}
        // A snapshot may have it already, though the log has it too.
        Err(NotAdded::Exists) if cx.client.replays => return Ok(Reply::OK),
        Err(NotAdded::Exists) => return Err(Error::new("ERR the field has an index already")),
        Err(NotAdded::TooMany) => {
            return Err(Error::from(format!("ERR the set has {MAX_FIELDS} indexes, which is the limit")));
        }
    }
    if let Some(handle) = cx.db().vector_set(key)? {
        build_in_background(&Arc::clone(&handle.set));
    }
    Ok(Reply::OK)
}

fn drop_field(key: &[u8], field: &[u8], cx: &Context, record: Record) -> Result<Reply, Error> {
    let is_dropped = change_set(cx, key, record, |set, hold, record| set.drop_field(hold, field, record))?;
    if is_dropped.ok_or(Error::no_such_key())? || cx.client.replays {
        Ok(Reply::OK)
    } else {
        Err(Error::new("ERR the field has no index"))
    }
}

fn describe(state: FieldState) -> Reply {
    let FieldState { spec, progress, cardinality, entries, others, bytes } = state;
    let is_ready = progress >= 1.0;
    let fields = [
        ("field", Reply::bulk(spec.name.to_vec())),
        ("kind", Reply::Simple(spec.kind.name())),
        ("language", spec.language.map_or(Reply::Null, |language| Reply::Simple(language.name()))),
        ("state", Reply::Simple(if is_ready { "ready" } else { "building" })),
        ("progress", Reply::Double(progress)),
        ("cardinality", Reply::count(cardinality)),
        ("entries", Reply::count(entries)),
        ("others", Reply::count(others)),
        ("bytes", Reply::count(bytes)),
    ];
    Reply::Map(fields.map(|(name, value)| (Reply::Simple(name), value)).into())
}
