//! What cases a table stands for.
use super::*;
