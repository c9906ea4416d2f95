//! What can be mapped: bytes with a size, most of them never looked at.

use crate::case::Content;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The bytes of one page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// One byte all over.
    Fill(u8),
    /// These.
    Bytes(Rc<[u8]>),
}

/// A page of zeros.
pub const ZEROS: Block = Block::Fill(0);

impl Block {
    /// Its bytes, made for a page of `page` bytes where they are not there yet.
    pub fn bytes_mut(&mut self, page: u64) -> &mut [u8] {
        if let Block::Fill(byte) = *self {
            *self = Block::Bytes(vec![byte; page as usize].into());
        }
        match self {
            Block::Bytes(bytes) => Rc::make_mut(bytes),
            Block::Fill(_) => &mut [],
        }
    }

    /// Appends the bytes from `from` to `to` to `out`.
    pub fn append_to(&self, from: u64, to: u64, out: &mut Content) {
        match self {
            Block::Fill(byte) => out.fill(*byte, to - from),
            Block::Bytes(bytes) => {
                out.extend(bytes.get(from as usize..to as usize).unwrap_or_default());
            }
        }
    }

    /// One byte of it.
    pub fn byte(&self, at: u64) -> u8 {
        match self {
            Block::Fill(byte) => *byte,
            Block::Bytes(bytes) => bytes.get(at as usize).copied().unwrap_or(0),
        }
    }
}

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file of the scratch folder.
    File,
    /// memfd_create(2), and what the kernel makes for shared anonymous memory.
    Memory,
}

/// Seals of files in memory, F_ADD_SEALS(2const).
pub mod seal {
    /// No seal is added.
    pub const SEAL: u32 = 1;
    /// It does not become shorter.
    pub const SHRINK: u32 = 2;
    /// It does not become longer.
    pub const GROW: u32 = 4;
    /// Its bytes stay.
    pub const WRITE: u32 = 8;
    /// Nobody new writes it.
    pub const FUTURE_WRITE: u32 = 0x10;
    /// Whether it can be executed stays.
    pub const EXEC: u32 = 0x20;
}

/// A file, or memory that behaves as one.
#[derive(Debug, Clone)]
pub struct Object {
    /// What it is.
    pub kind: Kind,
    /// Its size in bytes; for shared anonymous memory, that of the mapping.
    pub size: u64,
    /// Its permissions, as open(2) gives them.
    pub mode: u32,
    /// Its seals, of the constants of [`seal`].
    pub seals: u32,
    /// The pages that were written or looked at; the rest is what it began with.
    blocks: BTreeMap<u64, Block>,
    initial: Option<Rc<Content>>,
    /// So much of what it began with has never been cut off.
    kept: u64,
    page: u64,
    /// What was changed, in order: from where to where.
    changes: Vec<(u64, u64)>,
    /// Pages that were brought into memory, by number: from the first up to the one behind the last.
    arrived: Vec<(u64, u64)>,
    /// Pages that were set aside and hold nothing yet, by number: fallocate(2) in memory.
    reserved: Vec<(u64, u64)>,
    /// Whether it was read, so that the system may have read ahead.
    was_read: bool,
    /// Whether a write to it, or a read, failed half way, with a page brought in or not.
    was_disturbed: bool,
}

/// Whether a page is in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resident {
    /// It is.
    Yes,
    /// It is not.
    No,
    /// That is the system's own business.
    Unknown,
}

impl Object {
    /// An object without bytes.
    pub fn new(kind: Kind, size: u64, page: u64) -> Self {
        Object {
            kind,
            size,
            mode: 0o600,
            seals: 0,
            blocks: BTreeMap::new(),
            initial: None,
            kept: 0,
            page,
            changes: Vec::new(),
            arrived: Vec::new(),
            reserved: Vec::new(),
            was_read: false,
            was_disturbed: false,
        }
    }

    /// The same, which begins with these bytes; what lies behind them is zeros.
    pub fn holding(mut self, content: Rc<Content>) -> Self {
        self.kept = content.len().min(self.size);
        self.initial = Some(content);
        self
    }

    /// One page, whether or not the object reaches there: behind the end it is what the cache of
    /// the last page holds, or zeros.
    pub fn block(&self, index: u64) -> Block {
        match self.blocks.get(&index) {
            Some(block) => block.clone(),
            None => self.original(index),
        }
    }

    fn original(&self, index: u64) -> Block {
        let start = index.saturating_mul(self.page);
        let Some(content) = self.initial.as_ref().filter(|_| start < self.kept) else {
            return ZEROS;
        };
        let end = self.kept.min(start + self.page);
        let mut at = 0;
        let mut bytes: Option<Vec<u8>> = None;
        for (byte, literal, len) in content.stretches() {
            let (from, to) = (start.max(at), end.min(at + len));
            if from < to {
                if let (Some(b), true) = (byte, from == start && to == start + self.page) {
                    return Block::Fill(b);
                }
                let place = (from - start) as usize..(to - start) as usize;
                let bytes = bytes.get_or_insert_with(|| vec![0; self.page as usize]);
                match byte {
                    Some(b) => bytes[place].fill(b),
                    None => {
                        let part = &literal[(from - at) as usize..(to - at) as usize];
                        bytes[place].copy_from_slice(part);
                    }
                }
            }
            at += len;
            if at >= end {
                break;
            }
        }
        bytes.map_or(ZEROS, |b| Block::Bytes(b.into()))
    }

    fn block_mut(&mut self, index: u64) -> &mut Block {
        if !self.blocks.contains_key(&index) {
            let block = self.original(index);
            self.blocks.insert(index, block);
        }
        self.blocks.entry(index).or_insert(ZEROS)
    }

    /// How often it was changed.
    pub fn version(&self) -> usize {
        self.changes.len()
    }

    /// Notes that what lies from `from` to `to` is another than before.
    pub fn note(&mut self, from: u64, to: u64) {
        self.changes.push((from, to));
    }

    /// Whether a range was changed since it had been changed so often.
    pub fn has_changed(&self, since: usize, from: u64, to: u64) -> bool {
        let later = self.changes.get(since..).unwrap_or_default();
        later.iter().any(|(f, t)| *f < to && from < *t)
    }

    /// Puts bytes at `at`, without changing the size.
    pub fn put(&mut self, at: u64, bytes: &[u8]) {
        self.note(at, at.saturating_add(bytes.len() as u64));
        let page = self.page;
        let mut at = at;
        let mut rest = bytes;
        while !rest.is_empty() {
            let inside = at % page;
            let n = rest.len().min((page - inside) as usize);
            let (head, tail) = rest.split_at(n);
            let block = self.block_mut(at / page).bytes_mut(page);
            block[inside as usize..inside as usize + n].copy_from_slice(head);
            rest = tail;
            at += n as u64;
        }
    }

    /// Puts one byte all over a part of one page.
    pub fn put_fill(&mut self, index: u64, from: u64, to: u64, byte: u8) {
        let start = index.saturating_mul(self.page);
        self.note(start.saturating_add(from), start.saturating_add(to));
        if from == 0 && to == self.page {
            self.blocks.insert(index, Block::Fill(byte));
            return;
        }
        let page = self.page;
        let bytes = self.block_mut(index).bytes_mut(page);
        bytes[from as usize..to as usize].fill(byte);
    }

    /// Appends what it holds from `from` to `to` to `out`; the size is not asked.
    pub fn read(&self, from: u64, to: u64, out: &mut Content) {
        let mut at = from;
        while at < to {
            let index = at / self.page;
            // What was never touched and began as nothing is nothing.
            if at >= self.kept && !self.blocks.contains_key(&index) {
                let next = self.blocks.range(index..).next();
                let end = next.map_or(to, |(i, _)| to.min(i.saturating_mul(self.page)));
                out.fill(0, end - at);
                at = end;
                continue;
            }
            let start = index * self.page;
            let end = to.min(start.saturating_add(self.page));
            self.block(index).append_to(at - start, end - start, out);
            at = end;
        }
    }

    /// Makes it shorter: what lies behind is gone, and the rest of its last page is zeros.
    pub fn cut(&mut self, size: u64) {
        self.note(size, u64::MAX);
        self.size = size;
        let inside = size % self.page;
        let whole = size / self.page + u64::from(inside != 0);
        if inside != 0 {
            self.put_fill(size / self.page, inside, self.page, 0);
        }
        self.kept = self.kept.min(size);
        let _gone = self.blocks.split_off(&whole);
        self.arrived.retain_mut(|(f, t)| {
            *t = (*t).min(whole);
            *f < *t
        });
    }

    /// Notes that these pages were brought into memory, and whether by reading, which may bring
    /// others too.
    pub fn arrive(&mut self, from: u64, to: u64, by_reading: bool) {
        self.was_read |= by_reading;
        let is_in = |(f, t): &(u64, u64)| *f <= from && to <= *t;
        if from < to && !self.arrived.iter().any(is_in) {
            self.arrived.push((from, to));
        }
    }

    /// Pages are set aside, by number.
    pub fn reserve(&mut self, from: u64, to: u64) {
        self.reserved.push((from, to));
    }

    /// A write or a read failed half way: whether it has brought pages in is the kernel's own
    /// business (generic_perform_write() of mm/filemap.c asks for the page before it asks for the
    /// bytes since Linux 6.15, and after it before).
    pub fn disturb(&mut self) {
        self.was_disturbed = true;
    }

    /// Whether an object that lies in memory has a page, as far as it may be behind its end too.
    pub fn has_page(&self, index: u64) -> Resident {
        if self.reserved.iter().any(|(f, t)| *f <= index && index < *t) {
            return Resident::Yes;
        }
        self.filled_page(index)
    }

    /// The same, but for pages that are set aside and hold nothing yet.
    fn filled_page(&self, index: u64) -> Resident {
        if self.arrived.iter().any(|(f, t)| *f <= index && index < *t) {
            return Resident::Yes;
        }
        if index >= self.kept.div_ceil(self.page) {
            return Resident::No;
        }
        // What it began with has pages but where it has a hole; what was freed has none.
        match (self.blocks.get(&index), self.original(index)) {
            (Some(Block::Fill(0)), _) => Resident::No,
            (_, Block::Fill(0)) => Resident::Unknown,
            (_, Block::Bytes(bytes)) if bytes.iter().all(|b| *b == 0) => Resident::Unknown,
            _ => Resident::Yes,
        }
    }

    /// Whether a page is in memory. An object that lies `in_memory` has no other place: of such a
    /// one just those pages are there that were touched or written.
    pub fn resident(&self, index: u64, in_memory: bool) -> Resident {
        if index >= self.size.div_ceil(self.page) {
            return match self.was_disturbed {
                true => Resident::Unknown,
                false => Resident::No,
            };
        }
        if self.arrived.iter().any(|(f, t)| *f <= index && index < *t) {
            return Resident::Yes;
        }
        let resident = match in_memory {
            true => self.has_page(index),
            false if self.initial.is_none() && !self.was_read => Resident::No,
            false => Resident::Unknown,
        };
        match resident {
            Resident::No if self.was_disturbed => Resident::Unknown,
            told => told,
        }
    }

    /// Whether a page is told to be in memory (mincore(2)): one that is set aside and holds nothing
    /// yet is not (`folio_test_uptodate()` in mincore_page() of mm/mincore.c).
    pub fn told_resident(&self, index: u64, in_memory: bool) -> Resident {
        match self.resident(index, in_memory) {
            Resident::Yes if in_memory => self.filled_page(index),
            told => told,
        }
    }

    /// Makes zeros of what lies from `from` to `to`, as far as it reaches; whole pages are freed.
    pub fn zero(&mut self, from: u64, to: u64) {
        let page = self.page;
        let to = to.min(self.size.div_ceil(page).saturating_mul(page));
        let (first, last) = (from.div_ceil(page), to / page);
        if from >= to {
            return;
        }
        if first > last {
            self.put_fill(from / page, from % page, to - last * page, 0);
            return;
        }
        if from % page != 0 {
            self.put_fill(from / page, from % page, page, 0);
        }
        if to % page != 0 {
            self.put_fill(last, 0, to % page, 0);
        }
        self.free(first, last);
    }

    /// Gives it other bytes altogether.
    pub fn begin_anew(&mut self, content: Rc<Content>, size: u64) {
        self.note(0, u64::MAX);
        self.blocks.clear();
        self.arrived.clear();
        self.reserved.clear();
        self.kept = content.len().min(size);
        self.initial = Some(content);
        self.size = size;
    }

    /// Frees pages, by number.
    pub fn free(&mut self, from: u64, to: u64) {
        for index in from..to {
            self.put_fill(index, 0, self.page, 0);
        }
        self.leave(from, to);
    }

    /// Pages are no longer known to be in memory, by number.
    fn leave(&mut self, from: u64, to: u64) {
        let cut = |(f, t): &(u64, u64)| [(*f, (*t).min(from)), ((*f).max(to), *t)];
        for pages in [&mut self.arrived, &mut self.reserved] {
            let left = pages.iter().flat_map(cut);
            *pages = left.filter(|(f, t)| f < t).collect();
        }
    }

    /// A range of a file on a disk was cleared up to its end: whether its last page went with the
    /// rest is the file system's own business (ext4_punch_hole() of fs/ext4/inode.c takes it for a
    /// whole one).
    pub fn clear_on_disk(&mut self, from: u64, to: u64) {
        if to >= self.size {
            self.leave(from / self.page, to.div_ceil(self.page));
            self.disturb();
        }
    }

    /// Clears what lies behind the end in its last page.
    pub fn clear_tail(&mut self) {
        let inside = self.size % self.page;
        let index = self.size / self.page;
        if inside != 0 && self.blocks.contains_key(&index) {
            self.put_fill(index, inside, self.page, 0);
        }
    }

    /// All that it holds.
    pub fn content(&self) -> Content {
        let mut content = Content::default();
        self.read(0, self.size, &mut content);
        content
    }

    /// Whether it was ever changed.
    pub fn is_touched(&self) -> bool {
        !self.changes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn flat(content: &Content) -> Vec<u8> {
        content.to_vec(1 << 20).unwrap()
    }

    fn object(bytes: &[u8], size: u64) -> Object {
        Object::new(Kind::File, size, 16).holding(Rc::new(Content::from_bytes(bytes)))
    }

    #[test]
    fn a_tebibyte_with_one_byte_in_it() {
        let mut o = Object::new(Kind::File, 1 << 40, 4096);
        o.put((1 << 40) - 1, b"x");
        let mut expected = Content::default();
        expected.fill(0, (1 << 40) - 1);
        expected.extend(b"x");
        assert_eq!(o.content(), expected);
    }

    proptest! {
        #[test]
        fn it_is_a_vector_of_bytes(
            begin in proptest::collection::vec(1u8..4, 0..60),
            steps in proptest::collection::vec((0u8..3, 0u64..70, proptest::collection::vec(4u8..8, 1..40)), 0..12),
        ) {
            let mut plain = begin.clone();
            let mut o = object(&begin, begin.len() as u64);
            for (what, at, bytes) in steps {
                match what {
                    0 => {
                        let end = at as usize + bytes.len();
                        plain.resize(plain.len().max(end), 0);
                        plain[at as usize..end].copy_from_slice(&bytes);
                        o.size = o.size.max(end as u64);
                        o.put(at, &bytes);
                    }
                    1 => {
                        let size = at.min(plain.len() as u64);
                        plain.truncate(size as usize);
                        o.cut(size);
                    }
                    _ => {
                        plain.resize(plain.len() + at as usize, 0);
                        o.size += at;
                    }
                }
                prop_assert_eq!(flat(&o.content()), plain.clone());
            }
        }
    }
}
