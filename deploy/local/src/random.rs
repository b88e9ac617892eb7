//! Random bytes from the operating system, for passwords, keys and folder names of a development stack.

use std::fs::File;
use std::io::Read;

use crate::StackError;

/// `N` random bytes.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], StackError> {
    let mut bytes = [0_u8; N];
    let source = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    source.map_err(StackError::io("reading /dev/urandom")).map(|()| bytes)
}

/// 32 lower-case hexadecimal digits: 128 random bits.
pub(crate) fn token() -> Result<String, StackError> {
    bytes::<16>().map(hex::encode)
}
