//! One binary for all tests of the root crate; its folders mirror src.

mod config;
mod wire;
