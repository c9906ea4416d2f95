//! What lies in a range of addresses, as the step `areas` tells it:
//! `rw-s 2page +1page; free 1page; <---p 3page [anon:name]>`.
//!
//! Permissions as in proc_pid_maps(5), the length of what lies in the range, the offset where a
//! file (or memory like one) is behind it, and what the kernel calls it, if that is no path. `<`
//! and `>` say that the area begins before the range, or goes on behind it.

use super::quantity::Quantity;
use std::fmt;

/// The pieces of a range, in order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Areas {
    /// Areas, and what is free between them.
    pub pieces: Vec<Piece>,
}

/// A piece of a range.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Piece {
    /// Nothing is mapped, for so many bytes.
    Free(Quantity),
    /// One area, or the part of it that lies in the range.
    Area(Area),
}

/// One area of the kernel's list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Area {
    /// It begins before the range.
    pub goes_before: bool,
    /// Four characters: `rw-p`.
    pub perms: String,
    /// How much of it lies in the range.
    pub length: Quantity,
    /// Where in its file the first byte of that is; `None` for private anonymous memory.
    pub offset: Option<Quantity>,
    /// `heap`, `stack`, `anon:name`.
    pub name: Option<String>,
    /// It goes on behind the range.
    pub goes_on: bool,
}

impl Areas {
    /// Reads the notation.
    ///
    /// # Errors
    /// What is wrong, in a few words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let pieces = text
            .split(';')
            .filter(|p| !text.is_empty() || !p.is_empty());
        let pieces: Result<Vec<Piece>, String> = pieces.map(|p| Piece::parse(p.trim())).collect();
        Ok(Areas { pieces: pieces? })
    }
}

impl Piece {
    fn parse(text: &str) -> Result<Self, String> {
        if let Some(length) = text.strip_prefix("free ") {
            return Ok(Piece::Free(quantity(length)?));
        }
        let before = text.strip_prefix('<');
        let rest = before.unwrap_or(text);
        let on = rest.strip_suffix('>');
        let rest = on.unwrap_or(rest);
        let (perms, rest) = rest
            .split_once(' ')
            .ok_or_else(|| format!("`{text}` is no area: write `rw-p 1page`, `free 2page`"))?;
        let is_perm = |(i, c): (usize, char)| {
            c == '-' || "rwxps".find(c) == Some(i.min(3)) || c == 's' && i == 3
        };
        if perms.len() != 4 || !perms.chars().enumerate().all(is_perm) || perms.ends_with('-') {
            return Err(format!("`{perms}` are no permissions: write `rw-p`"));
        }
        let (rest, name) = match rest.split_once('[') {
            Some((rest, name)) => match name.strip_suffix(']') {
                Some(name) => (rest.trim_end(), Some(name.to_owned())),
                None => return Err(format!("`[{name}` lacks its `]`")),
            },
            None => (rest, None),
        };
        // A `+` with a space behind it belongs to a sum.
        let mut marks = rest.match_indices(" +").map(|(i, _)| i);
        let offset = marks.find(|i| !rest[i + 2..].starts_with(' '));
        let (length, offset) = match offset {
            Some(i) => (&rest[..i], Some(quantity(&rest[i + 2..])?)),
            None => (rest, None),
        };
        Ok(Piece::Area(Area {
            goes_before: before.is_some(),
            perms: perms.to_owned(),
            length: quantity(length)?,
            offset,
            name,
            goes_on: on.is_some(),
        }))
    }

    /// The quantities in it.
    fn quantities(&self) -> impl Iterator<Item = &Quantity> {
        let (length, offset) = match self {
            Piece::Free(length) => (length, None),
            Piece::Area(area) => (&area.length, area.offset.as_ref()),
        };
        std::iter::once(length).chain(offset)
    }

    /// The same without its quantities.
    fn bare(&self) -> Piece {
        match self {
            Piece::Free(_) => Piece::Free(Quantity::default()),
            Piece::Area(area) => Piece::Area(Area {
                length: Quantity::default(),
                offset: area.offset.as_ref().map(|_| Quantity::default()),
                ..area.clone()
            }),
        }
    }

    /// Whether it is the same as another, where quantities are `same`.
    fn is(&self, other: &Piece, same: &dyn Fn(&Quantity, &Quantity) -> bool) -> bool {
        let mut pairs = self.quantities().zip(other.quantities());
        self.bare() == other.bare() && pairs.all(|(a, b)| same(a, b))
    }
}

impl Areas {
    /// Whether both say the same, where quantities are compared by `same`.
    pub fn are(&self, other: &Areas, same: &dyn Fn(&Quantity, &Quantity) -> bool) -> bool {
        let mut pairs = self.pieces.iter().zip(&other.pieces);
        self.pieces.len() == other.pieces.len() && pairs.all(|(a, b)| a.is(b, same))
    }
}

fn quantity(text: &str) -> Result<Quantity, String> {
    match Quantity::parse(text.trim()) {
        Ok(q) if q.names().next().is_none() => Ok(q),
        Ok(_) => Err(format!("`{text}` has no value by itself")),
        Err(m) => Err(m.message),
    }
}

impl fmt::Display for Areas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, piece) in self.pieces.iter().enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            match piece {
                Piece::Free(length) => write!(f, "free {length}")?,
                Piece::Area(area) => write!(f, "{area}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.goes_before {
            f.write_str("<")?;
        }
        write!(f, "{} {}", self.perms, self.length)?;
        if let Some(offset) = &self.offset {
            write!(f, " +{offset}")?;
        }
        if let Some(name) = &self.name {
            write!(f, " [{name}]")?;
        }
        if self.goes_on {
            f.write_str(">")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn prints_what_it_reads() {
        for text in [
            "",
            "free 8page",
            "rw-p 1page",
            "<rw-s 2page +1page>; free 1page; ---p 3page [anon:name]",
            "r-xp 1huge +0",
            "r-xp 1page + 1 +1page + 2",
        ] {
            assert_eq!(Areas::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn mistakes() {
        for text in [
            "rw-p",
            "rwp 1page",
            "wr-p 1page",
            "rw-- 1page",
            "free map",
            "rw-p 1pgae",
            "rw-p 1page [x",
            ";",
        ] {
            assert!(Areas::parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in "[ -~]{0,40}") {
            let _ = Areas::parse(&text);
        }
    }
}
