//! Holes in the tables: each clause of the model is missed by a case when it is gone.

use std::process::Command;

/// The part that is noticed must not fall below what it was. With so few random cases a mutant
/// counts as equivalent sooner than it should.
#[test]
fn the_tables_notice_nearly_every_mutant_of_the_model() {
    let done = Command::new(env!("CARGO_BIN_EXE_mmapcheck"))
        .args(["mutate", "--random", "20000", "--at-least", "95%"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let out = String::from_utf8_lossy(&done.stdout);
    assert_eq!(done.status.code(), Some(0), "{out}\n{done:?}");
}
