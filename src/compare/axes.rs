//! What the ids of several cases have in common.

use std::collections::{BTreeMap, BTreeSet};

/// The most values of an axis that are named.
const VALUES: usize = 4;

/// The axes of an id and their values. A comma within a value is told from one between axes by
/// what follows: the name of an axis and `=`.
pub fn axes(id: &str) -> Vec<(&str, &str)> {
    let Some((_, rest)) = id.split_once('[') else {
        return Vec::new();
    };
    let rest = rest.strip_suffix(']').unwrap_or(rest);
    let begins = |at: usize| {
        let word = rest.get(at..).unwrap_or_default();
        let name = word.split('=').next().unwrap_or_default();
        let small = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        name.len() < word.len() && !name.is_empty() && name.chars().all(small)
    };
    let mut starts: Vec<usize> = vec![0];
    starts.extend(
        rest.match_indices(',')
            .map(|(at, _)| at + 1)
            .filter(|at| begins(*at)),
    );
    let ends = starts.iter().skip(1).map(|s| s - 1).chain([rest.len()]);
    let cuts: Vec<(usize, usize)> = starts.iter().copied().zip(ends).collect();
    cuts.into_iter()
        .filter_map(|(s, e)| rest.get(s..e)?.split_once('='))
        .collect()
}

/// The pattern of `some` among `all` cases of one group: `flags=MAP_SHARED, prot=*`. An axis of
/// which all values are there is `*`; the cases need not be the whole product.
pub fn pattern(some: &[&str], all: &[&str]) -> String {
    let values = |ids: &[&str]| {
        let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for id in ids {
            for (axis, value) in axes(id) {
                let axis = values.entry(axis.to_owned()).or_default();
                axis.insert(value.to_owned());
            }
        }
        values
    };
    let (here, everywhere) = (values(some), values(all));
    let order: Vec<&str> = some
        .first()
        .map(|id| axes(id).into_iter().map(|(a, _)| a).collect())
        .unwrap_or_default();
    let told = order.into_iter().map(|axis| {
        let empty = BTreeSet::new();
        let own = here.get(axis).unwrap_or(&empty);
        let every = everywhere.get(axis).map_or(0, BTreeSet::len);
        let named: Vec<&str> = own.iter().map(String::as_str).collect();
        match named.len() {
            1 => format!("{axis}={}", named[0]),
            n if n == every => format!("{axis}=*"),
            n if n <= VALUES => format!("{axis}={{{}}}", named.join(" ")),
            n => format!("{axis}={{{n} of {every}}}"),
        }
    });
    told.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_of_an_id() {
        let id = "t::c[flags=MAP_SHARED|0x1,step=load(map, 1),n=1page + 1]";
        let expected = [
            ("flags", "MAP_SHARED|0x1"),
            ("step", "load(map, 1)"),
            ("n", "1page + 1"),
        ];
        assert_eq!(axes(id), expected);
        assert_eq!(axes("t::c"), []);
    }

    #[test]
    fn patterns() {
        let all = ["c[a=1,b=x]", "c[a=1,b=y]", "c[a=2,b=x]", "c[a=3,b=y]"];
        assert_eq!(pattern(&all, &all), "a=*, b=*");
        assert_eq!(pattern(&all[..2], &all), "a=1, b=*");
        assert_eq!(pattern(&all[1..3], &all), "a={1 2}, b=*");
        assert_eq!(pattern(&["c"], &["c"]), "");
    }
}
