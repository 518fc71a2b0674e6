//! What is compared with a name?
//!
//! A name is compared with a literal by `==` and `!=`, by the patterns of `match`, `if let` and
//! `matches!`, by methods that compare or search, by a lookup in the registry of commands, and
//! where a method of a constant table is given a name (`TABLE.contains(&spec.name)`,
//! `TABLE.iter().find(…)`).
//!
//! A name is what a field or method of [`NAMES`] gives, or the first word of a request. A word that
//! a command takes from its arguments is none, though it may read the same: keywords are free.

use syn::visit::{self, Visit};
use syn::{Expr, ExprBinary, ExprCall, ExprMethodCall, ExprStruct, Lit, Member, Pat};

use super::facts::Mention;

/// Fields and methods that give the name of a command.
const NAMES: [&str; 2] = ["name", "last_name"];

/// Methods that compare their receiver with an argument, or search for it.
const COMPARING: [&str; 9] = [
    "eq",
    "ne",
    "eq_ignore_ascii_case",
    "contains",
    "starts_with",
    "ends_with",
    "strip_prefix",
    "strip_suffix",
    "split_once",
];

/// Functions of the registry that look a name up.
const LOOKUPS: [&str; 2] = ["find", "find_of"];

pub(super) fn in_binary(binary: &ExprBinary) -> Vec<Mention> {
    let is_comparison = matches!(binary.op, syn::BinOp::Eq(_) | syn::BinOp::Ne(_));
    if !is_comparison || !is_name(&binary.left) && !is_name(&binary.right) {
        return Vec::new();
    }
    [literals(&binary.left), literals(&binary.right)].concat()
}

pub(super) fn with_pattern(subject: &Expr, pattern: &Pat) -> Vec<Mention> {
    let mut literals = Literals::default();
    literals.visit_pat(pattern);
    if is_name(subject) { literals.0 } else { Vec::new() }
}

pub(super) fn in_method_call(call: &ExprMethodCall) -> Vec<Mention> {
    let parts: Vec<&Expr> = std::iter::once(&*call.receiver).chain(&call.args).collect();
    let compares = COMPARING.iter().any(|method| call.method == method);
    if !compares || !parts.iter().any(|part| is_name(part)) {
        return Vec::new();
    }
    parts.into_iter().flat_map(literals).collect()
}

pub(super) fn in_lookup(call: &ExprCall) -> Vec<Mention> {
    let Expr::Path(function) = &*call.func else { return Vec::new() };
    let words: Vec<String> = function.path.segments.iter().map(|part| part.ident.to_string()).collect();
    let is_lookup = words.last().is_some_and(|word| LOOKUPS.contains(&word.as_str()));
    if is_lookup { call.args.iter().flat_map(literals).collect() } else { Vec::new() }
}

/// The constants of which a method is given a name.
pub(super) fn tables_in_method_call(call: &ExprMethodCall) -> Vec<String> {
    let mut constants = Constants::default();
    if call.args.iter().any(is_name) || is_name(&call.receiver) {
        constants.visit_expr_method_call(call);
    }
    constants.0
}

/// The literals of a constant array of literals, or of tuples that begin with one.
pub(super) fn in_table(value: &Expr) -> Vec<Mention> {
    let rows = match value {
        Expr::Reference(reference) => return in_table(&reference.expr),
        Expr::Array(array) => &array.elems,
        _ => return Vec::new(),
    };
    let first = |row: &Expr| match row {
        Expr::Tuple(tuple) => tuple.elems.first().map(literals).unwrap_or_default(),
        Expr::Lit(_) => literals(row),
        _ => Vec::new(),
    };
    rows.iter().flat_map(first).collect()
}

/// The name in `Spec { name: "get", … }`.
pub(super) fn declared_command(made: &ExprStruct) -> Option<String> {
    let is_spec = made.path.segments.last().is_some_and(|part| part.ident == "Spec");
    let is_name = |member: &Member| matches!(member, Member::Named(field) if field == "name");
    let name = made.fields.iter().find(|field| is_name(&field.member)).filter(|_| is_spec)?;
    literals(&name.expr).pop().map(|literal| literal.name)
}

fn literals(expression: &Expr) -> Vec<Mention> {
    let mut literals = Literals::default();
    literals.visit_expr(expression);
    literals.0
}

fn is_name(expression: &Expr) -> bool {
    let mut names = Names(false);
    names.visit_expr(expression);
    names.0
}

/// Strings and byte strings.
#[derive(Default)]
struct Literals(Vec<Mention>);

impl<'ast> Visit<'ast> for Literals {
    fn visit_lit(&mut self, literal: &'ast Lit) {
        let name = match literal {
            Lit::Str(text) => text.value(),
            Lit::ByteStr(bytes) => String::from_utf8_lossy(&bytes.value()).into_owned(),
            _ => return,
        };
        self.0.push(Mention { line: literal.span().start().line, name });
    }
}

/// Names in capitals.
#[derive(Default)]
struct Constants(Vec<String>);

impl<'ast> Visit<'ast> for Constants {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let name = path.segments.last().map(|part| part.ident.to_string()).unwrap_or_default();
        let is_constant = name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
        self.0.extend(is_constant.then_some(name));
    }
}

struct Names(bool);

impl<'ast> Visit<'ast> for Names {
    fn visit_member(&mut self, member: &'ast Member) {
        self.0 |= matches!(member, Member::Named(field) if NAMES.iter().any(|name| field == name));
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        self.0 |= NAMES.iter().any(|name| call.method == name);
        let is_first = |index: &Expr| matches!(index, Expr::Lit(literal) if is_zero(&literal.lit));
        self.0 |= call.method == "arg" && call.args.first().is_some_and(is_first);
        visit::visit_expr_method_call(self, call);
    }
}

fn is_zero(literal: &Lit) -> bool {
    matches!(literal, Lit::Int(number) if number.base10_digits() == "0")
}
