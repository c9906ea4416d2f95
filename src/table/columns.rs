//! The columns of one case: what it states itself, what the table's defaults state, and which of
//! them are axes.

use super::axis::Axes;
use super::column::{COLUMNS, Column, Value};
use super::fields::{self, Fields, Listed};
use super::plan::Cell;
use super::template::{Spelled, Vary};
use super::text::{Mistakes, Text};
use crate::case::program::GROUNDS;
use crate::case::{Ground, Mistake};

/// What a `[[case]]` or `[defaults]` states of its columns, in the order of [`COLUMNS`].
#[derive(Debug, Clone, Default)]
pub struct Stated {
    listed: [Option<Listed>; 10],
    /// On what the file lies.
    pub on: Option<Ground>,
}

impl Stated {
    /// Reads the columns among the keys of a table.
    pub fn read(fields: &Fields<'_>, mistakes: &mut Mistakes) -> Self {
        let mut stated = Stated::default();
        let file = fields.table("file", Some(&["size", "content", "on"]), mistakes);
        stated.on = file.as_ref().and_then(|f| read_ground(f, mistakes));
        for (column, listed) in COLUMNS.iter().zip(&mut stated.listed) {
            *listed = match (column.is_of_file(), &file) {
                (false, _) => fields.list(column.name(), mistakes),
                (true, Some(file)) => file.list(column.name(), mistakes),
                (true, None) => None,
            };
            if let Some(l) = listed.as_ref().filter(|l| l.texts.is_empty()) {
                let m = Mistake::new(l.span.clone(), "an empty list makes an empty product");
                mistakes.add(m);
                *listed = None;
            }
        }
        stated
    }

    /// Tells what can't be read among the defaults, though no case may use it. What has names in it
    /// is read only with a case.
    pub fn check(&self, mistakes: &mut Mistakes) {
        for (column, listed) in COLUMNS.into_iter().zip(&self.listed) {
            for text in listed.iter().flat_map(|l| &l.texts) {
                if !text.value.contains('$') {
                    Spelled::<Value>::new(text.clone(), column, &mut [], mistakes);
                }
            }
        }
    }

    /// The columns that are not stated, taken from the table's defaults.
    #[must_use]
    pub fn or(mut self, defaults: &Stated) -> Self {
        for (own, default) in self.listed.iter_mut().zip(&defaults.listed) {
            if own.is_none() {
                own.clone_from(default);
            }
        }
        self.on = self.on.or(defaults.on);
        self
    }

    /// Takes away what a case without an own call can't have; tells each column of the arguments.
    pub fn without_call(&mut self, fields: &Fields<'_>, mistakes: &mut Mistakes) {
        for (column, listed) in COLUMNS.iter().zip(&mut self.listed) {
            if column.is_without_call() {
                continue;
            }
            *listed = None;
            if let Some(span) = fields.key_span(column.name()) {
                let message = format!("`{}` is for the own call of the case", column.name());
                let m = Mistake::new(span, message);
                mistakes.add(m.help("`map = false` says that there is none"));
            }
        }
    }

    /// Makes the axes, and the cells that say where each column has its value from.
    pub fn into_cells(self, mut vary: Vec<Vary>, mistakes: &mut Mistakes) -> (Axes, Vec<Cell>) {
        let lists = self.listed.iter().flatten().filter(|l| l.is_list).count();
        let mut leaders = 0;
        for v in &mut vary {
            leaders += usize::from(v.leads);
            v.axis = lists + leaders.max(1) - 1;
        }
        let mut axes = Axes {
            axes: Vec::new(),
            vary,
        };
        let mut cells = Vec::new();
        for (column, listed) in COLUMNS.into_iter().zip(self.listed) {
            cells.push(match listed {
                None => Cell::Ordinary,
                Some(listed) if listed.is_list => {
                    axes.add_column(column, listed.texts, mistakes);
                    Cell::Axis(axes.axes.len() - 1)
                }
                Some(listed) => listed.texts.into_iter().next().map_or(Cell::Ordinary, |t| {
                    Cell::Fixed(Box::new(Spelled::new(t, column, &mut axes.vary, mistakes)))
                }),
            });
        }
        axes.add_vary(mistakes);
        (axes, cells)
    }
}

/// Reads `on = "tmpfs"`.
fn read_ground(file: &Fields<'_>, mistakes: &mut Mistakes) -> Option<Ground> {
    let text = file.string("on", mistakes)?;
    let ground = Ground::from_word(&text.value);
    if ground.is_none() {
        let known = GROUNDS.iter().map(|g| g.0);
        let m = Mistake::unknown(0..text.value.len(), "file system", &text.value, known);
        mistakes.add_in(&text, m);
    }
    ground
}

/// Reads `vary = { NAME = ["…", "…"], … }`. A list of tables is one axis of names that move
/// together: `NAME = [{ as = "…", OTHER = "…" }, …]`.
pub fn read_vary(fields: &Fields<'_>, mistakes: &mut Mistakes) -> Vec<Vary> {
    let Some(table) = fields.table("vary", None, mistakes) else {
        return Vec::new();
    };
    let mut vary = Vec::new();
    for (name, value) in table.in_order() {
        if let Some(wrong) = wrong_name(&name.value) {
            mistakes.add(Mistake::new(name.span.clone(), wrong));
            continue;
        }
        if is_pairing(value) {
            vary.extend(read_pairing(name, value, mistakes).into_iter().flatten());
            continue;
        }
        let Some(listed) = fields::list(&name.value, value, mistakes) else {
            continue;
        };
        if !listed.is_list {
            let m = Mistake::new(
                listed.span,
                format!("`{}` is a list of strings", name.value),
            );
            mistakes.add(m.help("write it as a list: [\"…\", \"…\"]"));
        } else if listed.texts.is_empty() {
            let m = Mistake::new(listed.span, "an empty list makes an empty product");
            mistakes.add(m);
        } else {
            vary.push(Vary {
                name,
                values: listed.texts,
                axis: 0,
                used: false,
                leads: true,
            });
        }
    }
    distinct_names(&vary, mistakes);
    vary
}

fn is_pairing(value: fields::Value<'_>) -> bool {
    let items = value.get_ref().as_array();
    items.is_some_and(|items| items.iter().any(|i| i.get_ref().is_table()))
}

/// Reads names that move together: the one that stands in ids, then the others.
fn read_pairing(
    name: Text,
    value: fields::Value<'_>,
    mistakes: &mut Mistakes,
) -> Option<Vec<Vary>> {
    let mut rows = Vec::new();
    for item in value.get_ref().as_array()?.iter() {
        rows.push(fields::table("a value", item, None, mistakes)?);
    }
    let first = rows.first()?;
    let names: Vec<Text> = first.in_order().into_iter().map(|(name, _)| name).collect();
    let mut labels = Vec::new();
    for row in &rows {
        labels.push(row.required("as", "what ids print: as = \"shared-file\"", mistakes)?);
        for (key, _) in row.in_order() {
            if names.iter().all(|n| n.value != key.value) {
                let message = format!("the first of these has no `{}`", key.value);
                let m = Mistake::new(key.span, message);
                mistakes.add(m.help("each of them has the same names"));
                return None;
            }
        }
    }
    let mut vary = vec![Vary {
        name,
        values: labels,
        axis: 0,
        used: false,
        leads: true,
    }];
    for name in names.into_iter().filter(|n| n.value != "as") {
        if let Some(wrong) = wrong_name(&name.value) {
            mistakes.add(Mistake::new(name.span.clone(), wrong));
            return None;
        }
        let mut values = Vec::new();
        for row in &rows {
            if row.get(&name.value).is_none() {
                let message = format!("`{}` is missing", name.value);
                let m = Mistake::new(row.span.clone(), message);
                mistakes.add(m.help("each of them has the same names"));
                return None;
            }
            values.push(row.string(&name.value, mistakes)?);
        }
        vary.push(Vary {
            name,
            values,
            axis: 0,
            used: false,
            leads: false,
        });
    }
    Some(vary)
}

/// Names that move together stand beside those of other axes.
fn distinct_names(vary: &[Vary], mistakes: &mut Mistakes) {
    for (i, v) in vary.iter().enumerate() {
        let first = vary.iter().take(i).find(|o| o.name.value == v.name.value);
        if let Some(first) = first {
            let message = format!("`vary` has a `{}` already", v.name.value);
            let m = Mistake::new(v.name.span.clone(), message);
            mistakes.add_beside(m, first.name.span.clone(), "this one");
        }
    }
}

fn wrong_name(name: &str) -> Option<String> {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if Column::find(name).is_some() || name == "file" {
        return Some(format!("`{name}` is a column; write it as one"));
    }
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase());
    (!begins || !name.chars().all(legal)).then(|| {
        format!("`{name}` is no name: small letters, digits and `_`, beginning with a letter")
    })
}
