//! The tables and records that the binary carries, so that one file copied to another machine
//! does the main job there.

use std::io;

static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/carried.deflate"));

/// The most that unpacking may take; a damaged binary is not allowed to take more.
const LIMIT: usize = 256 << 20;

/// All carried files: path from the top of the project, and text.
///
/// # Errors
/// The binary is damaged.
pub fn files() -> io::Result<Vec<(String, String)>> {
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "the carried tables are damaged");
    let packed =
        miniz_oxide::inflate::decompress_to_vec_with_limit(PACKED, LIMIT).map_err(|_| damaged())?;
    let mut files = Vec::new();
    let mut rest = packed.as_slice();
    while !rest.is_empty() {
        let name = until_nul(&mut rest).ok_or_else(damaged)?;
        let length: usize = until_nul(&mut rest)
            .and_then(|n| n.parse().ok())
            .ok_or_else(damaged)?;
        if length > rest.len() {
            return Err(damaged());
        }
        let (bytes, after) = rest.split_at(length);
        rest = after;
        let text = String::from_utf8(bytes.to_vec()).map_err(|_| damaged())?;
        files.push((name, text));
    }
    Ok(files)
}

/// The fingerprint of all that is carried.
pub fn digest() -> u64 {
    crate::digest::Digest::of(PACKED)
}

fn until_nul(rest: &mut &[u8]) -> Option<String> {
    let end = rest.iter().position(|b| *b == 0)?;
    let word = String::from_utf8(rest[..end].to_vec()).ok()?;
    *rest = &rest[end + 1..];
    Some(word)
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_carried_is_what_lies_in_the_checkout() {
        for (name, text) in super::files().unwrap() {
            let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(&name);
            assert_eq!(std::fs::read_to_string(path).unwrap(), text, "{name}");
        }
    }
}
