//! mmapcheck tells what mmap(2) and its family really do on a machine.
#![deny(unsafe_code)]

pub mod carried;
pub mod case;
pub mod digest;
pub mod machine;
pub mod platform;
pub mod table;
pub mod transcript;
