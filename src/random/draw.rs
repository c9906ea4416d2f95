//! How a case is drawn from its seed, by proptest's strategies.

use super::{call, program};
use crate::case::Program;
use proptest::collection::{VecStrategy, vec};
use proptest::num::u8::ANY;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Single calls with hostile arguments.
    Calls,
    /// Programs of up to [`STEPS`] steps.
    Programs,
    /// Both, by turns.
    Both,
}

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A single call.
    Call,
    /// A program.
    Program,
}

/// Which calls are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Those that the model covers.
    Modelled,
    /// All that can be described and can't wait for ever.
    All,
}

/// The most steps of a program, those that open its files aside.
pub const STEPS: usize = 12;

/// Bytes for the setting and, of a single call, for its arguments.
pub type Head = [u8; 32];
/// Bytes for one step.
pub type Body = [u8; 8];

/// Those of the head, and those of each step.
type Bytes = (Vec<u8>, Vec<Vec<u8>>);

/// A case that was drawn, and what it can shrink to.
pub struct Drawn {
    kind: Kind,
    scope: Scope,
    tree: Box<dyn ValueTree<Value = Bytes>>,
}

impl std::fmt::Debug for Drawn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Drawn").field("kind", &self.kind).finish()
    }
}

fn bytes(n: usize) -> VecStrategy<proptest::num::u8::Any> {
    vec(ANY, n..=n)
}

fn runner(seed: u64) -> TestRunner {
    let mut bytes = [0; 16];
    // Neighbouring seeds must not give neighbouring cases.
    for (n, half) in bytes.chunks_mut(8).enumerate() {
        half.copy_from_slice(&scatter(seed ^ (n as u64) << 63).to_le_bytes());
    }
    let config = Config {
        failure_persistence: None,
        ..Config::default()
    };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::XorShift, &bytes))
}

/// The finalizer of SplitMix64: each bit of the seed moves about half of the result's.
fn scatter(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Shape {
    /// What the case of a seed is.
    pub fn kind(self, seed: u64) -> Kind {
        match self {
            Shape::Calls => Kind::Call,
            Shape::Programs => Kind::Program,
            Shape::Both if seed % 2 == 0 => Kind::Call,
            Shape::Both => Kind::Program,
        }
    }
}

impl Drawn {
    /// The case of a seed.
    ///
    /// # Errors
    /// proptest gives no value; these strategies always do.
    pub fn new(seed: u64, shape: Shape, scope: Scope) -> Result<Self, String> {
        let kind = shape.kind(seed);
        let steps = match kind {
            Kind::Call => 0..=0,
            Kind::Program => 2..=STEPS,
        };
        let strategy = (
            bytes(size_of::<Head>()),
            vec(bytes(size_of::<Body>()), steps),
        );
        let tree = strategy
            .new_tree(&mut runner(seed))
            .map_err(|e| e.to_string())?;
        Ok(Drawn {
            kind,
            scope,
            tree: Box::new(tree),
        })
    }

    /// As it is now: what a worker is sent.
    pub fn text(&self) -> String {
        let (head, body) = self.tree.current();
        match self.kind {
            Kind::Call => call::text(&head, self.scope),
            Kind::Program => program::text(&head, &body),
        }
    }

    /// The same as a program.
    ///
    /// # Errors
    /// The text is none, which a test says can't be.
    pub fn program(&self) -> Result<Program, String> {
        let text = self.text();
        Program::parse(&text).map_err(|m| format!("{}\n{text}", m.message))
    }

    /// Makes it smaller; whether it could be.
    pub fn simplify(&mut self) -> bool {
        self.tree.simplify()
    }

    /// Takes back a part of the last step that made it smaller; whether there is another to try.
    pub fn complicate(&mut self) -> bool {
        self.tree.complicate()
    }
}

/// Only the text: for those who draw by the million.
pub fn text(seed: u64, shape: Shape, scope: Scope) -> Result<String, String> {
    Drawn::new(seed, shape, scope).map(|d| d.text())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn each_seed_gives_a_program_always_the_same_and_seldom_twice() {
        let mut seen = HashSet::new();
        for seed in 0..4000 {
            for scope in [Scope::Modelled, Scope::All] {
                let drawn = Drawn::new(seed, Shape::Both, scope).unwrap();
                let program = drawn.program().unwrap();
                assert!(!program.steps.is_empty());
                let again = Drawn::new(seed, Shape::Both, scope).unwrap();
                assert_eq!(again.text(), drawn.text());
                seen.insert(drawn.text());
            }
        }
        // A program is the same in both scopes.
        assert!(seen.len() > 5900, "{} of 6000", seen.len());
    }

    #[test]
    fn shrinking_comes_to_an_end_and_gives_programs_all_along() {
        for seed in 0..40 {
            let mut drawn = Drawn::new(seed, Shape::Both, Scope::Modelled).unwrap();
            let mut steps = 0;
            while drawn.simplify() {
                drawn.program().unwrap();
                steps += 1;
                assert!(steps < 10_000);
            }
            assert!(drawn.program().unwrap().steps.len() <= 5);
        }
    }
}
