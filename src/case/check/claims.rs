//! Claims that could hold.

use super::{Checker, PAGES};
use crate::case::area::Areas;
use crate::case::bytes::Bytes;
use crate::case::call::{Act, ResultKind};
use crate::case::claim::{Expect, Place};
use crate::case::mistake::Mistake;
use crate::case::quantity::{Quantity, Scale, Unit};
use crate::case::step::{Arg, Kind, Written};

/// Longer texts than this are not looked at.
const TEXT_MAX: u64 = 1 << 16;

/// Calls that give nothing and may raise a signal: they can pass the limit on the size of files.
const MAY_RAISE: [&str; 3] = ["ftruncate", "truncate", "fallocate"];

impl Checker<'_> {
    /// Whether each claim could come true.
    pub(super) fn claim(&mut self, w: &Written) {
        let Some(claim) = &w.claim else {
            return;
        };
        for expect in &claim.any_of {
            let why = self.never(w, expect);
            if let Some(why) = why {
                let m = Mistake::new(
                    w.claim_span.clone(),
                    format!("`{expect}` can never hold: {why}"),
                );
                self.complain(m);
            }
            for name in expect_names(expect) {
                if name != "arena"
                    && !self.names.contains_key(&name)
                    && w.step.bind.as_deref() != Some(name.as_str())
                {
                    let m = self.unbound(&name, Kind::Value, w.claim_span.clone());
                    self.complain(m);
                }
            }
        }
    }

    fn never(&self, w: &Written, expect: &Expect) -> Option<String> {
        let call = w.step.call;
        let kind = call.result;
        match expect {
            Expect::Ok if kind == ResultKind::Never => {
                Some(format!("{} does not return", call.name))
            }
            Expect::Ok if kind == ResultKind::End => {
                Some("what ends an actor is `exit 0` or a signal".to_owned())
            }
            Expect::Ok => None,
            Expect::Elsewhere if matches!(kind, ResultKind::Address { .. } | ResultKind::Place) => {
                None
            }
            Expect::Elsewhere => Some(format!("{} gives no address", call.name)),
            Expect::Errno(..) if call.touches() => {
                Some(format!("{} is no system call and sets no errno", call.name))
            }
            Expect::Signal { place, .. } if !call.touches() && kind != ResultKind::End => {
                let raised = matches!(kind, ResultKind::Written { .. } | ResultKind::Number)
                    || MAY_RAISE.contains(&call.name)
                    || w.step.call.act == Act::Exit;
                match place {
                    None if raised || self.reckless => None,
                    _ => Some(format!("{} touches no memory itself", call.name)),
                }
            }
            Expect::Bytes(b) => self.bytes_never(w, b),
            Expect::Value(q) => match kind {
                ResultKind::Number | ResultKind::Measure | ResultKind::Written { .. } => None,
                ResultKind::Break => None,
                ResultKind::Read { buf, .. } if w.step.args[buf] != Arg::Buf => None,
                ResultKind::Address { .. } | ResultKind::Place if q.names().next().is_some() => {
                    None
                }
                _ => Some(format!("{} gives no such value", call.name)),
            },
            Expect::Range(..) => match kind {
                ResultKind::Number | ResultKind::Measure | ResultKind::Written { .. } => None,
                ResultKind::Read { buf, .. } if w.step.args[buf] != Arg::Buf => None,
                _ => Some(format!("{} gives no number", call.name)),
            },
            Expect::Placed(_) if matches!(kind, ResultKind::Address { .. }) => None,
            Expect::Placed(_) => Some(format!("{} gives no address", call.name)),
            Expect::Exit(_) if kind != ResultKind::End => {
                Some("only wait() tells how an actor ended".to_owned())
            }
            _ => None,
        }
    }

    fn bytes_never(&self, w: &Written, b: &Bytes) -> Option<String> {
        let (len, exact) = match w.step.call.result {
            ResultKind::Text => return text_never(w, b),
            ResultKind::Pages { buf, .. } if w.step.args[buf] == Arg::Buf => return None,
            ResultKind::Bytes { len } => (len, true),
            ResultKind::Read { buf, len } if w.step.args[buf] == Arg::Buf => (len, false),
            ResultKind::Words => return None,
            _ => return Some(format!("{} gives no bytes", w.step.call.name)),
        };
        let scale = Scale::ordinary(PAGES[0]);
        let asked = self.value(w.step.args[len].quantity()?, &scale, scale.word_max())?;
        let claimed = b
            .len(&scale, &|unit| match unit {
                Unit::Eof => self.value(&Quantity::of(1, Unit::Eof), &scale, 0),
                _ => None,
            })
            .ok()?;
        let wrong = claimed > asked || (exact && claimed != asked);
        wrong.then(|| format!("{claimed} bytes are claimed of {asked}"))
    }
}

/// Why a text can't be what a step tells.
fn text_never(w: &Written, b: &Bytes) -> Option<String> {
    let scale = Scale::ordinary(PAGES[0]);
    let text = b.content(&scale, &|_| None).ok()?.to_vec(TEXT_MAX)?;
    let text = String::from_utf8_lossy(&text);
    match w.step.call.act {
        Act::Areas => Areas::parse(&text).err(),
        _ => {
            let asked = w.step.args.iter().find_map(|a| match a {
                Arg::Flags(set) => Some(&set.names),
                _ => None,
            })?;
            let all: Vec<&str> = text.split(' ').filter(|_| !text.is_empty()).collect();
            let in_order: Vec<&str> = asked.iter().copied().filter(|a| all.contains(a)).collect();
            (in_order != all).then(|| {
                let asked = asked.join(" ");
                format!("it tells some of `{asked}`, in this order, each after a space")
            })
        }
    }
}

fn expect_names(expect: &Expect) -> Vec<String> {
    let q = match expect {
        Expect::Placed(rule) => {
            let names = rule.quantities().flat_map(Quantity::names);
            return names.map(str::to_owned).collect();
        }
        Expect::Range(a, b) => {
            let names = a.iter().chain(b).flat_map(Quantity::names);
            return names.map(str::to_owned).collect();
        }
        Expect::Value(q) => q,
        Expect::Signal {
            place: Some(Place::At(q) | Place::InPage(q)),
            ..
        } => q,
        _ => return Vec::new(),
    };
    q.names().map(str::to_owned).collect()
}
