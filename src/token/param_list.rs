//! The list of params of a token that is being built.

use super::params::WireParams;
use crate::encoding::decimal::Decimal;
use crate::rules::{self, MAX_PARAMS};
use crate::{Error, Result};
use core::cmp::Ordering;
use core::mem;

/// The reserved params that are numbers, as digits.
#[derive(Default)]
pub(super) struct Numbers {
    pub(super) epoch: Decimal,
    pub(super) slot: Decimal,
    pub(super) generation: Decimal,
    pub(super) sequence: Decimal,
}

/// Params of a token to be in ascending order of their keys.
#[derive(Default)]
pub(super) struct ParamList<'p>(pub(super) heapless::Vec<(&'p str, &'p [u8]), MAX_PARAMS>);

impl<'p> ParamList<'p> {
    pub(super) fn wire(&self) -> WireParams<'_> {
        WireParams::Drafted(&self.0)
    }

    pub(super) fn insert(&mut self, key: &'p str, value: &'p [u8]) -> Result<()> {
        rules::check_param_value(value)?;
        // In order of the keys: each takes the place of the first greater one, which moves on.
        let mut param = (key, value);
        for place in &mut self.0 {
            match rules::param_rank(place.0.as_bytes()).cmp(&rules::param_rank(param.0.as_bytes())) {
                Ordering::Less => {}
                Ordering::Equal => return Err(Error::DuplicateParam),
                Ordering::Greater => mem::swap(place, &mut param),
            }
        }
        self.0.push(param).map_err(|_| Error::ParamCount)
    }
}
