//! What a file says: which modules and crates it names, where it is unsafe, what it compares names
//! with.

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, Expr, File, ImplItem, Item, Macro, Meta, Pat, Stmt, Token, TraitItem, UseTree};

use super::comparisons;
use super::source::is_for_tests;

/// A name, and the line it stands in.
#[derive(Clone, Debug)]
pub(super) struct Mention {
    pub(super) line: usize,
    pub(super) name: String,
}

/// What a file says.
#[derive(Default)]
pub(super) struct Facts {
    /// Modules at the top of the crate, through `crate::`, `nearhit::`, or enough of `super::`; `*`
    /// where the root itself is named, so that all of them could be.
    pub(super) modules: Vec<Mention>,
    /// The first word of every other path of several words, and of every `use`.
    pub(super) crates: Vec<Mention>,
    /// Lines with `unsafe`.
    pub(super) unsafes: Vec<usize>,
    /// Literals that a name is compared with: see `comparisons.rs`.
    pub(super) compared: Vec<Mention>,
    /// The literals in constant tables, with the names of these.
    pub(super) tables: Vec<(String, Mention)>,
    /// Names of the tables in which a name is looked for.
    pub(super) tables_compared: Vec<String>,
    /// Names of the commands that are declared there.
    pub(super) commands: Vec<String>,
}

/// Reads the file of this module.
pub(super) fn facts(module: &[String], tree: &File) -> Facts {
    let mut reader = Reader { module: module.to_vec(), facts: Facts::default() };
    reader.visit_file(tree);
    reader.facts
}

struct Reader {
    /// Where it is: the modules below the root of the crate.
    module: Vec<String>,
    facts: Facts,
}

impl Reader {
    /// Notes where a path leads.
    fn path(&mut self, words: &[String], span: Span) {
        let line = span.start().line;
        match self.absolute(words) {
            Some(path) => {
                let name = path.into_iter().next().unwrap_or_else(|| "*".to_owned());
                self.facts.modules.push(Mention { line, name });
            }
            None => self.facts.crates.push(Mention { line, name: words[0].clone() }),
        }
    }

    /// The path below the root of the crate; none if it begins with another crate, or with a name
    /// in scope.
    fn absolute(&self, words: &[String]) -> Option<Vec<String>> {
        if matches!(words[0].as_str(), "crate" | "nearhit") {
            return Some(words[1..].to_vec());
        }
        let relative = words.iter().take_while(|word| matches!(word.as_str(), "self" | "super")).count();
        let above = words[..relative].iter().filter(|word| *word == "super").count();
        let kept = self.module.len().saturating_sub(above);
        (relative > 0).then(|| [&self.module[..kept], &words[relative..]].concat())
    }

    /// Each path of a `use`, in full.
    fn use_tree(&mut self, before: &[String], tree: &UseTree) {
        let with = |word: &syn::Ident| match word == "self" && !before.is_empty() {
            true => before.to_vec(),
            false => [before, &[word.to_string()]].concat(),
        };
        match tree {
            UseTree::Path(path) => self.use_tree(&with(&path.ident), &path.tree),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.use_tree(before, tree)),
            UseTree::Glob(glob) => self.path(before, glob.span()),
            UseTree::Name(name) => self.path(&with(&name.ident), name.span()),
            UseTree::Rename(renamed) => self.path(&with(&renamed.ident), renamed.span()),
        }
    }

    /// Paths among tokens that are no expressions.
    fn tokens(&mut self, tokens: TokenStream) {
        let trees: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while let Some(tree) = trees.get(at) {
            match tree {
                TokenTree::Ident(_) => at = self.token_path(&trees, at),
                TokenTree::Group(group) => self.tokens(group.stream()),
                _ => {}
            }
            at += 1;
        }
    }

    /// The path that begins at a token. Returns where it ends.
    fn token_path(&mut self, trees: &[TokenTree], begin: usize) -> usize {
        let mut words = Vec::new();
        let mut at = begin;
        while let Some(TokenTree::Ident(word)) = trees.get(at) {
            words.push(word.to_string());
            if !is_path_separator(trees, at + 1) {
                break;
            }
            at += 3;
        }
        if words[0] == "unsafe" {
            self.facts.unsafes.push(trees[begin].span().start().line);
        }
        match trees.get(at) {
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                let parse = Punctuated::<UseTree, Token![,]>::parse_terminated;
                let parts = parse.parse2(group.stream()).unwrap_or_default();
                parts.iter().for_each(|tree| self.use_tree(&words, tree));
            }
            _ if words.len() > 1 => self.path(&words, trees[begin].span()),
            _ => {}
        }
        at
    }

    fn expressions(&mut self, tokens: &TokenStream) -> syn::Result<()> {
        let parse = Punctuated::<Expr, Token![,]>::parse_terminated;
        parse.parse2(tokens.clone())?.iter().for_each(|part| self.visit_expr(part));
        Ok(())
    }

    fn matches(&mut self, tokens: &TokenStream) -> syn::Result<()> {
        let Matches { subject, pattern, guard } = syn::parse2(tokens.clone())?;
        self.compare(comparisons::with_pattern(&subject, &pattern));
        self.visit_expr(&subject);
        self.visit_pat(&pattern);
        guard.iter().for_each(|guard| self.visit_expr(guard));
        Ok(())
    }

    fn compare(&mut self, found: Vec<Mention>) {
        self.facts.compared.extend(found);
    }

    fn table(&mut self, name: &syn::Ident, value: &Expr) {
        let literals = comparisons::in_table(value).into_iter();
        self.facts.tables.extend(literals.map(|literal| (name.to_string(), literal)));
    }

    fn note_unsafe(&mut self, keyword: Option<&Token![unsafe]>) {
        self.facts.unsafes.extend(keyword.map(|keyword| keyword.span.start().line));
    }
}

fn is_path_separator(trees: &[TokenTree], at: usize) -> bool {
    let is_colon = |tree: &TokenTree| matches!(tree, TokenTree::Punct(mark) if mark.as_char() == ':');
    trees.get(at..at + 2).is_some_and(|two| two.iter().all(is_colon))
}

/// The arguments of `matches!`.
struct Matches {
    subject: Expr,
    pattern: Pat,
    guard: Option<Expr>,
}

impl Parse for Matches {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let subject = input.parse()?;
        input.parse::<Token![,]>()?;
        let pattern = Pat::parse_multi_with_leading_vert(input)?;
        let guard = input.peek(Token![if]).then(|| {
            input.parse::<Token![if]>()?;
            input.parse()
        });
        input.parse::<Option<Token![,]>>()?;
        Ok(Self { subject, pattern, guard: guard.transpose()? })
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attributes = match item {
            ImplItem::Const(item) => &item.attrs,
            ImplItem::Fn(item) => &item.attrs,
            ImplItem::Type(item) => &item.attrs,
            ImplItem::Macro(item) => &item.attrs,
            _ => &Vec::new(),
        };
        if !is_for_tests(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_trait_item(&mut self, item: &'ast TraitItem) {
        let attributes = match item {
            TraitItem::Fn(item) => &item.attrs,
            _ => &Vec::new(),
        };
        if !is_for_tests(attributes) {
            visit::visit_trait_item(self, item);
        }
    }

    fn visit_stmt(&mut self, statement: &'ast Stmt) {
        let attributes = match statement {
            Stmt::Local(local) => &local.attrs,
            Stmt::Macro(called) => &called.attrs,
            Stmt::Expr(expression, _) => attributes_of(expression),
            Stmt::Item(_) => &Vec::new(),
        };
        if !is_for_tests(attributes) {
            visit::visit_stmt(self, statement);
        }
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        if !is_for_tests(&field.attrs) {
            visit::visit_field(self, field);
        }
    }

    fn visit_field_value(&mut self, field: &'ast syn::FieldValue) {
        if !is_for_tests(&field.attrs) {
            visit::visit_field_value(self, field);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.use_tree(&[], &item.tree);
    }

    /// Who may see an item is no dependency.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let words: Vec<String> = path.segments.iter().map(|part| part.ident.to_string()).collect();
        if words.len() > 1 {
            self.path(&words, path.span());
        }
        visit::visit_path(self, path);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        match &attribute.meta {
            Meta::List(list) => {
                self.visit_path(&list.path);
                let is_unsafe = list.path.is_ident("unsafe");
                self.facts.unsafes.extend(is_unsafe.then(|| list.path.span().start().line));
                self.tokens(list.tokens.clone());
            }
            meta => visit::visit_meta(self, meta),
        }
    }

    fn visit_macro(&mut self, called: &'ast Macro) {
        self.visit_path(&called.path);
        let read = match called.path.is_ident("matches") {
            true => self.matches(&called.tokens),
            false => self.expressions(&called.tokens),
        };
        if read.is_err() {
            self.tokens(called.tokens.clone());
        }
    }

    fn visit_expr_unsafe(&mut self, block: &'ast syn::ExprUnsafe) {
        self.note_unsafe(Some(&block.unsafe_token));
        visit::visit_expr_unsafe(self, block);
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        self.note_unsafe(signature.unsafety.as_ref());
        visit::visit_signature(self, signature);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        self.note_unsafe(item.unsafety.as_ref());
        visit::visit_item_impl(self, item);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.note_unsafe(item.unsafety.as_ref());
        visit::visit_item_trait(self, item);
    }

    fn visit_item_foreign_mod(&mut self, item: &'ast syn::ItemForeignMod) {
        self.note_unsafe(item.unsafety.as_ref());
        visit::visit_item_foreign_mod(self, item);
    }

    fn visit_expr_binary(&mut self, binary: &'ast syn::ExprBinary) {
        self.compare(comparisons::in_binary(binary));
        visit::visit_expr_binary(self, binary);
    }

    fn visit_expr_match(&mut self, matched: &'ast syn::ExprMatch) {
        let found = matched.arms.iter().flat_map(|arm| comparisons::with_pattern(&matched.expr, &arm.pat));
        self.compare(found.collect());
        visit::visit_expr_match(self, matched);
    }

    fn visit_expr_let(&mut self, bound: &'ast syn::ExprLet) {
        self.compare(comparisons::with_pattern(&bound.expr, &bound.pat));
        visit::visit_expr_let(self, bound);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.compare(comparisons::in_method_call(call));
        self.facts.tables_compared.extend(comparisons::tables_in_method_call(call));
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        self.compare(comparisons::in_lookup(call));
        visit::visit_expr_call(self, call);
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.table(&item.ident, &item.expr);
        visit::visit_item_const(self, item);
    }

    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        self.table(&item.ident, &item.expr);
        visit::visit_item_static(self, item);
    }

    fn visit_expr_struct(&mut self, made: &'ast syn::ExprStruct) {
        self.facts.commands.extend(comparisons::declared_command(made));
        visit::visit_expr_struct(self, made);
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(syn::ItemConst { attrs, .. })
        | Item::Enum(syn::ItemEnum { attrs, .. })
        | Item::ExternCrate(syn::ItemExternCrate { attrs, .. })
        | Item::Fn(syn::ItemFn { attrs, .. })
        | Item::ForeignMod(syn::ItemForeignMod { attrs, .. })
        | Item::Impl(syn::ItemImpl { attrs, .. })
        | Item::Macro(syn::ItemMacro { attrs, .. })
        | Item::Mod(syn::ItemMod { attrs, .. })
        | Item::Static(syn::ItemStatic { attrs, .. })
        | Item::Struct(syn::ItemStruct { attrs, .. })
        | Item::Trait(syn::ItemTrait { attrs, .. })
        | Item::Type(syn::ItemType { attrs, .. })
        | Item::Union(syn::ItemUnion { attrs, .. })
        | Item::Use(syn::ItemUse { attrs, .. }) => attrs,
        _ => &[],
    }
}

/// Of the expressions that are statements.
fn attributes_of(expression: &Expr) -> &Vec<Attribute> {
    const NONE: &Vec<Attribute> = &Vec::new();
    match expression {
        Expr::Block(syn::ExprBlock { attrs, .. })
        | Expr::Call(syn::ExprCall { attrs, .. })
        | Expr::If(syn::ExprIf { attrs, .. })
        | Expr::MethodCall(syn::ExprMethodCall { attrs, .. }) => attrs,
        _ => NONE,
    }
}
