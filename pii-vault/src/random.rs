//! Random bytes of the operating system, for keys, codes and tokens.
//!
//! Everything drawn here is handed back to the caller or stored, so tests check results instead of steering the source.

use aws_lc_rs::rand;

use crate::keys::KeyError;

/// `N` bytes nobody can guess.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], KeyError> {
    let mut out = [0u8; N];
    rand::fill(&mut out).map_err(|_| KeyError::NoRandomness)?;
    Ok(out)
}

/// A number below `limit`, every one equally likely: draws outside a whole multiple of `limit` are thrown away.
pub(crate) fn below(limit: u32) -> Result<u32, KeyError> {
    let fair = u32::MAX - u32::MAX % limit;
    loop {
        let drawn = u32::from_be_bytes(bytes()?);
        if drawn < fair {
            return Ok(drawn % limit);
        }
    }
}

/// A random (version 4) UUID from the same source.
pub(crate) fn uuid() -> Result<uuid::Uuid, KeyError> {
    Ok(uuid::Builder::from_random_bytes(bytes()?).into_uuid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_stays_below_its_limit_and_reaches_both_halves() {
        let drawn: Vec<u32> = (0..2_000).map(|_| below(10).unwrap()).collect();
        assert!(drawn.iter().all(|&n| n < 10));
        // Each digit is missing with a chance of 0.9^2000, about 10^-92.
        for digit in 0..10 {
            assert!(drawn.contains(&digit), "{digit} never drawn");
        }
    }

    #[test]
    fn two_draws_differ() {
        assert_ne!(bytes::<32>().unwrap(), bytes::<32>().unwrap());
        assert_eq!(uuid().unwrap().get_version_num(), 4);
    }
}
