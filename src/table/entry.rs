//! Reading one `[[case]]`.

use super::columns::{Stated, read_vary};
use super::condition::Condition;
use super::diagnostic::line_of;
use super::fields::{Fields, Value};
use super::group::Group;
use super::plan::{Cells, Plan};
use super::planned::Planned;
use super::product::{COMBINATIONS_MAX, Product};
use super::rules::Rules;
use super::text::{Mistakes, Text};
use super::verify;
use super::{axis::Axes, fields};
use crate::case::{End, Mistake, Need};
use std::ops::Range;
use std::sync::Arc;
use toml::de::DeValue;

/// What `[defaults]` and the head of the table say.
#[derive(Debug, Clone, Default)]
pub struct Defaults {
    /// The columns.
    pub stated: Stated,
    /// The citations of cases that have none.
    pub cite: Vec<String>,
    needs: Option<Vec<Need>>,
    end: Option<End>,
    reckless: Option<bool>,
    pair: Option<bool>,
}

/// The keys of `[defaults]` and of a case that are columns.
const COLUMN_KEYS: [&str; 9] = [
    "open", "file", "addr", "length", "prot", "flags", "fd", "offset", "via",
];

/// The other keys of `[defaults]`.
const DEFAULT_KEYS: [&str; 4] = ["needs", "end", "reckless", "pair"];

/// The other keys of a case.
const CASE_KEYS: [&str; 11] = [
    "name", "why", "cite", "was", "vary", "exclude", "map", "before", "then", "expect", "apart",
];

impl Defaults {
    /// Reads `[defaults]`.
    pub fn read(fields: &Fields<'_>, mistakes: &mut Mistakes) -> Self {
        let known = [&COLUMN_KEYS[..], &DEFAULT_KEYS[..]].concat();
        let Some(fields) = fields.table("defaults", Some(&known), mistakes) else {
            return Defaults::default();
        };
        let stated = Stated::read(&fields, mistakes);
        stated.check(mistakes);
        Defaults {
            stated,
            cite: Vec::new(),
            needs: read_needs(&fields, false, mistakes),
            end: read_end(&fields, mistakes),
            reckless: fields.truth("reckless", mistakes),
            pair: fields.truth("pair", mistakes),
        }
    }
}

/// The table that a case is read for.
pub struct Home<'a> {
    /// Its stem.
    pub stem: Arc<str>,
    /// Its file, as it is shown to people.
    pub path: Arc<str>,
    /// What it says for all cases.
    pub defaults: &'a Defaults,
}

/// Reads a case or a grid with its name; after a mistake only the name.
pub fn read(
    item: Value<'_>,
    is_grid: bool,
    home: &Home<'_>,
    mistakes: &mut Mistakes,
) -> (Option<Text>, Option<Group>) {
    let known = [&COLUMN_KEYS[..], &DEFAULT_KEYS[..], &CASE_KEYS[..]].concat();
    let before = mistakes.count();
    let key = if is_grid { "grid" } else { "case" };
    let Some(fields) = fields::table(key, item, Some(&known), mistakes) else {
        return (None, None);
    };
    let name = read_name(&fields, mistakes);
    let group = read_group(&fields, is_grid, home, name.as_ref(), mistakes);
    let right = mistakes.count() == before;
    (name, group.filter(|_| right))
}

fn read_name(fields: &Fields<'_>, mistakes: &mut Mistakes) -> Option<Text> {
    let name = fields.required("name", "every case has one: name = \"past-eof\"", mistakes)?;
    if !is_plain(&name.value) {
        let m = Mistake::new(
            0..name.value.len(),
            "a name is of small letters, digits and `-`",
        );
        mistakes.add_in(&name, m);
    }
    Some(name)
}

/// Whether it is of small letters, digits and `-`.
pub fn is_plain(word: &str) -> bool {
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !word.is_empty() && word.chars().all(legal)
}

fn read_group(
    fields: &Fields<'_>,
    is_grid: bool,
    home: &Home<'_>,
    name: Option<&Text>,
    mistakes: &mut Mistakes,
) -> Option<Group> {
    let why = fields.required("why", "the rule in a sentence", mistakes);
    let needs = read_needs(fields, true, mistakes).or_else(|| home.defaults.needs.clone());
    let needs = needs.unwrap_or_default();
    let cite = read_cite(fields, home, mistakes);
    let was = fields.sayings("was", mistakes).unwrap_or_default();
    let root = needs.iter().any(Need::brings_root);
    let apart = fields.get("apart").and_then(|_| {
        let help = "why no argument set right makes the call succeed";
        Some(fields.required("apart", help, mistakes)?.value)
    });
    let plan = read_plan(fields, home.defaults, root, mistakes)?;
    let mut needs = needs;
    plan.add_needs(&mut needs);
    if is_grid && plan.axes.axes.is_empty() {
        let m = Mistake::new(
            fields.span.clone(),
            "a grid without a list is a single case",
        );
        mistakes.add(m.help("write it as [[case]]"));
    }
    if !is_grid {
        claims_something(&plan, mistakes);
    }
    Some(Group {
        is_grid,
        apart,
        stem: Arc::clone(&home.stem),
        path: Arc::clone(&home.path),
        name: name?.value.clone(),
        why: why?.value,
        cite,
        needs,
        was,
        line: line_of(mistakes.file(), fields.span.start),
        plan,
    })
}

fn read_cite(fields: &Fields<'_>, home: &Home<'_>, mistakes: &mut Mistakes) -> Vec<String> {
    let cite = fields.sayings("cite", mistakes);
    let cite = cite.unwrap_or_else(|| home.defaults.cite.clone());
    if cite.is_empty() {
        let m = Mistake::new(fields.span.clone(), "nothing is cited for this case");
        mistakes.add(m.help("say where the rule stands: cite = \"mmap(2) ERRORS, EINVAL\""));
    }
    cite
}

/// The needs of all combinations. Those of some are tables, which only a case has.
fn read_needs(fields: &Fields<'_>, tables: bool, mistakes: &mut Mistakes) -> Option<Vec<Need>> {
    let value = fields.get("needs")?;
    let mut needs = Vec::new();
    let items: Vec<Value<'_>> = match value.get_ref() {
        DeValue::Array(items) => items.iter().collect(),
        DeValue::String(_) => vec![value],
        _ => {
            let wanted = "a string or a list of strings";
            mistakes.add(fields::wrong_type("`needs`", wanted, value));
            return None;
        }
    };
    for item in items {
        if tables && item.get_ref().is_table() {
            continue;
        }
        let text = fields::string("needs", item, mistakes)?;
        needs.extend(read_need(&text, mistakes));
    }
    Some(needs)
}

fn read_need(text: &Text, mistakes: &mut Mistakes) -> Option<Need> {
    Need::parse(&text.value)
        .map_err(|m| mistakes.add_in(text, m))
        .ok()
}

/// The needs of some combinations: `{ need = "64-bit", when = { … } }`.
fn read_needs_of_some(
    fields: &Fields<'_>,
    axes: &Axes,
    mistakes: &mut Mistakes,
) -> Vec<(Condition, Need)> {
    let Some(items) = fields.get("needs").and_then(|v| v.get_ref().as_array()) else {
        return Vec::new();
    };
    let mut needs = Vec::new();
    for item in items.iter().filter(|i| i.get_ref().is_table()) {
        let known = ["need", "when"];
        let Some(fields) = fields::table("a need", item, Some(&known), mistakes) else {
            continue;
        };
        let help = "{ need = \"64-bit\", when = { at = \"top\" } }";
        let need = fields.required("need", help, mistakes);
        let need = need.and_then(|text| {
            let need = read_need(&text, mistakes)?;
            if need.brings_root() {
                let m = Mistake::new(0..text.value.len(), "all of a case runs as root, or none");
                mistakes.add_in(&text, m.help("split the case"));
            }
            Some(need)
        });
        let Some(value) = fields.get("when") else {
            let m = Mistake::new(fields.span.clone(), "`when` is missing");
            mistakes.add(m.help("what all combinations need is a string"));
            continue;
        };
        let when = Condition::read("when", value, axes, mistakes);
        needs.extend(when.zip(need));
    }
    needs
}

/// What nothing is claimed of is for grids, whose pattern says something by itself.
fn claims_something(plan: &Plan, mistakes: &mut Mistakes) {
    let steps = plan.before.iter().chain(&plan.then);
    let rules = steps.filter_map(|s| s.rules.as_ref()).chain(&plan.expect);
    for span in rules.flat_map(Rules::unclaimed) {
        let m = Mistake::new(span.clone(), "only the cells of a grid may be `unclaimed`");
        mistakes.add(m.help("say what the rule allows: \"ok | EINVAL\""));
    }
}

fn read_end(fields: &Fields<'_>, mistakes: &mut Mistakes) -> Option<End> {
    let text = fields.string("end", mistakes)?;
    match text.value.as_str() {
        "signal" => Some(End::Signal),
        "caught" => Some(End::Caught),
        word => {
            let m = Mistake::unknown(0..word.len(), "end", word, ["signal", "caught"]);
            mistakes.add_in(&text, m);
            None
        }
    }
}

fn read_plan(
    fields: &Fields<'_>,
    defaults: &Defaults,
    root: bool,
    mistakes: &mut Mistakes,
) -> Option<Plan> {
    let start = mistakes.count();
    let maps = fields.truth("map", mistakes).unwrap_or(true);
    let mut stated = Stated::read(fields, mistakes).or(&defaults.stated);
    if !maps {
        stated.without_call(fields, mistakes);
    }
    let on = stated.on.unwrap_or_default();
    let vary = read_vary(fields, mistakes);
    let vary_is_right = mistakes.count() == start;
    let (mut axes, cells) = stated.into_cells(vary, mistakes);
    let before = Planned::read_all("before", fields, &mut axes, mistakes);
    let then = Planned::read_all("then", fields, &mut axes, mistakes);
    let expect = fields.get("expect").filter(|_| maps);
    let expect = expect.and_then(|e| Rules::read("expect", e, &mut axes, mistakes));
    says_something(fields, maps, before.iter().chain(&then), mistakes);
    if vary_is_right {
        unused(&axes, mistakes);
    }
    let end = read_end(fields, mistakes).or(defaults.end);
    let reckless = fields.truth("reckless", mistakes).or(defaults.reckless);
    let needs = read_needs_of_some(fields, &axes, mistakes);
    let product = read_product(fields, &axes, mistakes)?;
    if let Some(expect) = &expect {
        expect.survey(&product, &axes, |_| true, mistakes);
    }
    for step in before.iter().chain(&then).flatten() {
        step.survey(&product, &axes, mistakes);
    }
    let pair = fields.truth("pair", mistakes).or(defaults.pair);
    let cells = Cells::new(cells, &axes)?;
    // After a step that can't be read nothing is known of the names that it binds: the steps
    // before it can still be held against each other.
    let (before, whole) = Planned::reliable(before);
    let maps = maps && whole && cells.call_is_right;
    let (mut then, _) = Planned::reliable(then);
    if !(whole && cells.call_is_right) {
        then.clear();
    }
    let plan = Plan {
        axes,
        product,
        cells,
        on,
        maps,
        expect,
        before,
        then,
        end: end.unwrap_or_default(),
        reckless: reckless.unwrap_or_default(),
        root,
        pair: pair.unwrap_or_default(),
        needs,
    };
    verify::verify(&plan, &fields.span, mistakes);
    Some(plan)
}

/// A case that claims nothing says nothing.
fn says_something<'p>(
    fields: &Fields<'_>,
    maps: bool,
    mut steps: impl Iterator<Item = &'p Option<Planned>>,
    mistakes: &mut Mistakes,
) {
    if !maps {
        if let Some(span) = fields.key_span("expect") {
            let m = Mistake::new(span, "`expect` is for the own call of the case");
            mistakes.add(m.help("with `map = false` the claims are those of the steps"));
        }
        // What can't be read may be meant to claim something.
        if steps.all(|s| s.as_ref().is_some_and(|s| !s.claims())) {
            let m = Mistake::new(fields.span.clone(), "no step of this case claims anything");
            mistakes.add(m.help("a claim follows a step: 'munmap(arena, 1page) = ok'"));
        }
        return;
    }
    let has = |key| {
        fields
            .get(key)
            .is_some_and(|v| v.get_ref().as_array().is_none_or(|a| !a.is_empty()))
    };
    if !has("expect") && !has("then") {
        let m = Mistake::new(fields.span.clone(), "this case claims nothing");
        mistakes.add(m.help("say what comes of the call: expect = \"EINVAL\", or steps in `then`"));
    }
}

fn unused(axes: &Axes, mistakes: &mut Mistakes) {
    let is_used = |axis: usize| axes.vary.iter().any(|v| v.axis == axis && v.used);
    let unused = axes.vary.iter().filter(|v| v.leads && !is_used(v.axis));
    for vary in unused {
        let name = &vary.name.value;
        let m = Mistake::new(vary.name.span.clone(), format!("nothing uses `${name}`"));
        mistakes.add(m.help("its values would only repeat the same case"));
    }
}

fn read_product(fields: &Fields<'_>, axes: &Axes, mistakes: &mut Mistakes) -> Option<Product> {
    let Some(mut product) = Product::new(axes.sizes()) else {
        let m = Mistake::new(
            fields.span.clone(),
            format!("this case stands for more than {COMBINATIONS_MAX} combinations"),
        );
        mistakes.add(m.help("split it"));
        return None;
    };
    let before = mistakes.count();
    let mut excluded: Vec<(Range<usize>, Condition)> = Vec::new();
    for item in fields.items("exclude", "a list of conditions { open = … }", mistakes) {
        let condition = Condition::read("exclude", item, axes, mistakes);
        excluded.extend(condition.map(|c| (item.span(), c)));
    }
    if mistakes.count() > before {
        return None;
    }
    if excluded.is_empty() {
        return Some(product);
    }
    let mut hits = vec![false; excluded.len()];
    product.exclude(|digits| {
        let found = excluded.iter().position(|(_, c)| c.holds(digits));
        if let Some(hit) = found.and_then(|at| hits.get_mut(at)) {
            *hit = true;
        }
        found.is_some()
    });
    for ((span, _), hit) in excluded.iter().zip(hits) {
        if !hit {
            let message = "this excludes nothing that is not excluded already";
            mistakes.add(Mistake::new(span.clone(), message));
        }
    }
    if product.len() == 0 {
        let span = fields.key_span("exclude").unwrap_or(fields.span.clone());
        mistakes.add(Mistake::new(
            span,
            "nothing is left: every combination is excluded",
        ));
        return None;
    }
    Some(product)
}
