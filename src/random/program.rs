//! Programs over two files, three mappings and a fork.

use super::call::{FILES, OPENS, around};
use super::genes::Genes;

/// Where a mapping is put.
const PLACES: &[&str] = &["arena + 4page", "arena + 12page", "arena + 20page"];
/// How far into a mapping a step begins.
const INTO: &[&str] = &[
    "",
    " + 1page",
    " + 2page",
    " + 1page - 1",
    " + 10",
    " + 2page - 1",
    " + 3page - 2",
    " + 3page",
];
const LENGTHS: &[&str] = &[
    "1page",
    "2page",
    "3page",
    "1page + 1",
    "4page",
    "1",
    "0",
    "12page",
];
const PROTS: &[&str] = &[
    "PROT_READ|PROT_WRITE",
    "PROT_READ|PROT_WRITE",
    "PROT_READ|PROT_WRITE",
    "PROT_READ",
    "PROT_NONE",
    "PROT_WRITE",
];
const KINDS: &[&str] = &[
    "MAP_SHARED",
    "MAP_SHARED",
    "MAP_PRIVATE",
    "MAP_PRIVATE",
    "MAP_SHARED_VALIDATE",
    "MAP_PRIVATE|MAP_ANONYMOUS",
    "MAP_SHARED|MAP_ANONYMOUS",
];
const OFFSETS: &[&str] = &["0", "1page", "2page", "100", "1page - 1", "2page + 50"];
const MAP_OFFSETS: &[&str] = &["0", "0", "1page", "2page", "8page"];
const SIZES: &[&str] = &[
    "1page",
    "2page",
    "0",
    "1page + 1",
    "page/2",
    "10",
    "3page",
    "5page + 7",
];
const COUNTS: &[&str] = &["1", "5", "100", "1page", "1page + 1"];

/// What can be done, each as often as it is drawn.
const DEEDS: &[Deed] = &[
    Deed::Load,
    Deed::Load,
    Deed::Load,
    Deed::Load,
    Deed::Store,
    Deed::Store,
    Deed::Store,
    Deed::Store,
    Deed::Map,
    Deed::Map,
    Deed::Map,
    Deed::Map,
    Deed::Fill,
    Deed::Protect,
    Deed::Protect,
    Deed::Unmap,
    Deed::Truncate,
    Deed::Truncate,
    Deed::Truncate,
    Deed::Pread,
    Deed::Pread,
    Deed::Pwrite,
    Deed::Pwrite,
    Deed::Read,
    Deed::Write,
    Deed::Seek,
    Deed::Size,
    Deed::Sync,
    Deed::Fork,
    Deed::Fork,
    Deed::Close,
    Deed::Unlink,
    Deed::Wait,
];

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Deed {
    #[default]
    Load,
    Store,
    Fill,
    Map,
    Unmap,
    Protect,
    Sync,
    Truncate,
    Pread,
    Pwrite,
    Read,
    Write,
    Seek,
    Size,
    Close,
    Unlink,
    Fork,
    Wait,
}

/// A program as it is being made.
#[derive(Debug, Default)]
struct Draft {
    steps: Vec<String>,
    /// The names of the mappings that there are.
    maps: usize,
    has_other: bool,
    has_child: bool,
    waited: bool,
}

/// The program of these bytes.
pub fn text(head: &[u8], body: &[Vec<u8>]) -> String {
    let mut genes = Genes::new(head);
    let (size, content) = genes.pick(FILES);
    let open = genes.pick(OPENS);
    let mut draft = Draft::default();
    if genes.chance(128) {
        draft.has_other = true;
        draft
            .steps
            .push("other = open(new, O_RDWR|O_CREAT)".to_owned());
        if genes.chance(160) {
            let size = genes.pick(SIZES);
            draft.steps.push(format!("ftruncate(other, {size})"));
        }
    }
    for bytes in body {
        draft.add(&mut Genes::new(bytes));
    }
    around(size, content, open, &draft.steps)
}

impl Draft {
    fn fd(&self, genes: &mut Genes<'_>) -> &'static str {
        if genes.chance(100) && self.has_other {
            "other"
        } else {
            "file"
        }
    }

    /// A place in one of the mappings, or where one may be.
    fn place(&self, genes: &mut Genes<'_>) -> String {
        let base = match self.maps {
            0 => PLACES[0].to_owned(),
            n => ["a", "b", "c"][genes.below(n.min(3))].to_owned(),
        };
        base + genes.pick(INTO)
    }

    fn add(&mut self, genes: &mut Genes<'_>) {
        let deed = genes.pick(DEEDS);
        let by_child = genes.chance(110) && self.has_child && !self.waited;
        let step = match deed {
            Deed::Fork if !self.has_child => {
                self.has_child = true;
                self.steps.push("child = fork()".to_owned());
                return;
            }
            Deed::Wait if self.has_child && !self.waited => {
                self.waited = true;
                self.steps.push("wait(child)".to_owned());
                return;
            }
            Deed::Map if self.maps < 3 && !by_child => self.map(genes),
            _ => self.plain(deed, genes),
        };
        let by = if by_child { "child: " } else { "" };
        self.steps.push(format!("{by}{step}"));
    }

    fn map(&mut self, genes: &mut Genes<'_>) -> String {
        let kind = genes.pick(KINDS);
        let fd = if kind.contains("ANON") {
            "-1"
        } else {
            self.fd(genes)
        };
        let name = ["a", "b", "c"][self.maps.min(2)];
        let (addr, fixed) = match genes.below(8) {
            6 => ("NULL", ""),
            7 => (PLACES[0], "|MAP_FIXED"),
            5 => (PLACES[self.maps.min(2)], ""),
            _ => (PLACES[self.maps.min(2)], "|MAP_FIXED"),
        };
        let (length, prot, offset) = (
            genes.pick(LENGTHS),
            genes.pick(PROTS),
            genes.pick(MAP_OFFSETS),
        );
        let populate = if genes.chance(16) {
            "|MAP_POPULATE"
        } else {
            ""
        };
        self.maps += 1;
        format!("{name} = mmap({addr}, {length}, {prot}, {kind}{fixed}{populate}, {fd}, {offset})")
    }

    fn plain(&self, deed: Deed, genes: &mut Genes<'_>) -> String {
        // A letter of its own for each step, so that it is seen whose bytes are where.
        let letter = char::from(b'A' + (self.steps.len() % 26) as u8);
        match deed {
            Deed::Store => {
                let times = genes.pick(&["", "", "*10", "*1page"]);
                format!("store({}, \"{letter}\"{times})", self.place(genes))
            }
            Deed::Fill => {
                let place = self.place(genes);
                format!("fill({place}, {}, \"{letter}\")", genes.pick(COUNTS))
            }
            Deed::Unmap => format!("munmap({}, {})", self.place(genes), genes.pick(LENGTHS)),
            Deed::Protect => format!(
                "mprotect({}, {}, {})",
                self.place(genes),
                genes.pick(LENGTHS),
                genes.pick(PROTS)
            ),
            Deed::Sync => {
                let how = genes.pick(&["MS_SYNC", "MS_ASYNC", "MS_SYNC|MS_INVALIDATE"]);
                format!(
                    "msync({}, {}, {how})",
                    self.place(genes),
                    genes.pick(LENGTHS)
                )
            }
            Deed::Truncate => format!("ftruncate({}, {})", self.fd(genes), genes.pick(SIZES)),
            Deed::Pread | Deed::Read => {
                let (fd, at, count) = (self.fd(genes), genes.pick(OFFSETS), genes.pick(COUNTS));
                let buf = match genes.chance(60) {
                    true => self.place(genes),
                    false => "buf".to_owned(),
                };
                match deed {
                    Deed::Pread => format!("pread({fd}, {buf}, {count}, {at})"),
                    _ => format!("read({fd}, {buf}, {count})"),
                }
            }
            Deed::Pwrite | Deed::Write => {
                let (fd, at) = (self.fd(genes), genes.pick(OFFSETS));
                let (data, count) = match genes.chance(60) {
                    true => (self.place(genes), genes.pick(COUNTS)),
                    false => {
                        let count = genes.pick(COUNTS);
                        (format!("\"{letter}\"*({count})"), count)
                    }
                };
                match deed {
                    Deed::Pwrite => format!("pwrite({fd}, {data}, {count}, {at})"),
                    _ => format!("write({fd}, {data}, {count})"),
                }
            }
            Deed::Seek => format!(
                "lseek({}, {}, {})",
                self.fd(genes),
                genes.pick(OFFSETS),
                genes.pick(&["SEEK_SET", "SEEK_END", "SEEK_CUR"])
            ),
            Deed::Size => format!("size({})", self.fd(genes)),
            Deed::Close => format!("close({})", self.fd(genes)),
            Deed::Unlink => "unlink(file)".to_owned(),
            _ => format!(
                "load({}, {})",
                self.place(genes),
                genes.pick(&["1", "2", "10"])
            ),
        }
    }
}
