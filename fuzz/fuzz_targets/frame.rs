//! Bytes as what a worker or a runner sends, and as files of records.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code)]
#[path = "../../tests/properties/mod.rs"]
mod properties;

fuzz_target!(|bytes: &[u8]| {
    properties::line(bytes);
    if let Ok(text) = std::str::from_utf8(bytes) {
        properties::record(text);
    }
});
