//! `LOLWUT`: a picture and the version. Here: points around a query, the darker the nearer.

use crate::commands::{Arity, Context, Flags, Group, Run, Scope, Spec, Weight};
use crate::resp::{Args, Error, Reply};

pub(in crate::commands) const SPEC: Spec = Spec {
    name: "lolwut",
    arity: Arity::AtLeast(1),
    flags: Flags::READONLY.and(Flags::FAST),
    keys: &[],
    scope: Scope::NoKeys,
    redact: None,
    group: Group::Server,
    since: "5.0.0",
    complexity: "",
    summary: "Draw a picture and name the version of this server",
    syntax: "[VERSION version:integer]",
    tips: &[],
    weight: Weight::Light,
    run: Run::Read(picture),
};

const WIDTH: i32 = 48;
const HEIGHT: i32 = 20;
/// From near to far.
const SHADES: &[u8] = b"@#*+=-:. ";

fn picture(mut args: Args, cx: &mut Context) -> Result<Reply, Error> {
    if args.keyword("version") && !args.is_empty() {
        args.integer::<i64>()?;
    }
    let mut text = String::new();
    for y in 0..HEIGHT {
        text.extend((0..WIDTH).map(|x| shade(x, y)));
        text.push('\n');
    }
    let redis = cx.server.compat.redis_version();
    text.push_str(&format!("\nnearhit {}, as Redis ver. {redis}\n", env!("CARGO_PKG_VERSION")));
    Ok(Reply::Verbatim { format: *b"txt", text: text.into() })
}

/// A cell of a terminal is twice as high as wide.
fn shade(x: i32, y: i32) -> char {
    let dx = x - WIDTH / 3;
    let dy = 2 * (y - HEIGHT / 2);
    let distance = f64::from(dx * dx + dy * dy).sqrt();
    let ring = (distance / 3.0) as usize;
    char::from(SHADES[ring.min(SHADES.len() - 1)])
}
