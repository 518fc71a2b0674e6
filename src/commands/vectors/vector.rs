//! Vectors in arguments.

use super::errors::INVALID_VECTOR;
use crate::resp::{Args, Error};
use crate::vector_set::{MAX_DIM, is_storable};

/// The form of a vector in arguments.
#[derive(Clone, Copy)]
pub(super) enum Form {
    /// `FP32 blob`: little-endian float32.
    Fp32,
    /// `FP16 blob`: little-endian half precision (an extension).
    Fp16,
    /// `VALUES n v …`: numbers as text.
    Values,
}

/// The forms that Redis has.
pub(super) const REDIS_FORMS: &[(&str, Form)] = &[("FP32", Form::Fp32), ("VALUES", Form::Values)];
/// Those, and the extensions.
pub(super) const ALL_FORMS: &[(&str, Form)] =
    &[("FP32", Form::Fp32), ("FP16", Form::Fp16), ("VALUES", Form::Values)];

/// Takes the vector after the keyword of a form: a finite vector of 1 … [`MAX_DIM`] components.
pub(super) fn vector(args: &mut Args, form: Form) -> Result<Vec<f32>, Error> {
    let vector = match form {
        Form::Fp32 => args.take().and_then(fp32),
        Form::Fp16 => args.take().and_then(fp16),
        Form::Values => values(args),
    };
    vector.filter(|vector| is_storable(vector)).ok_or_else(|| Error::from(INVALID_VECTOR))
}

fn fp32(blob: &[u8]) -> Option<Vec<f32>> {
    let (components, rest) = blob.as_chunks::<4>();
    let valid = rest.is_empty() && (1..=MAX_DIM).contains(&components.len());
    valid.then(|| components.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
}

fn fp16(blob: &[u8]) -> Option<Vec<f32>> {
    let (components, rest) = blob.as_chunks::<2>();
    let valid = rest.is_empty() && (1..=MAX_DIM).contains(&components.len());
    valid.then(|| components.iter().map(|bytes| half::f16::from_le_bytes(*bytes).to_f32()).collect())
}

fn values(args: &mut Args) -> Option<Vec<f32>> {
    let count = args.integer::<usize>().ok().filter(|count| (1..=MAX_DIM).contains(count))?;
    args.floats(count)
}
