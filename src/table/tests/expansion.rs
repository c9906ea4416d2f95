//! What cases a table stands for.
use super::*;
#[test]
fn smoke() {
    for c in cases("[[case]]\nname = \"a\"\nexpect = \"ok\"\n") {
        println!("{} {:?}\n{}", c.id, c.claims, c.program);
    }
}
