//! The observer's record: every sample that it took, in about nine bytes each.
//!
//! A sample is written as differences to the one before, each a zigzag variable-length integer, so
//! that a recording of minutes leaves the guest in a moment.

const MAGIC: &[u8] = b"hostclock-trace-1\n";

/// One comparison of the host's clock with the guest's, and what the kernel said of the latter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// When, on the guest's `CLOCK_MONOTONIC_RAW`, in ns.
    pub raw: i64,
    /// The host's clock, in ns since 1970.
    pub reference: i64,
    /// System minus reference, in ns.
    pub offset: i64,
    /// The kernel's `maxerror`, in µs.
    pub max_error_us: i64,
    /// `STA_UNSYNC` was clear.
    pub synchronised: bool,
    /// The kernel called the clock synchronised to within `maxerror` while it was further off, before
    /// and after it said so.
    pub lie: bool,
    /// By how much `offset` may be wrong, in ns: a few for the precise method, and thousands where that
    /// doesn't work and the observer has to bracket.
    pub uncertainty: i64,
}

/// Packs samples one after the other.
#[derive(Debug, Default)]
pub struct Encoder {
    last: Sample,
    begun: bool,
}

impl Encoder {
    /// Appends `sample` to `bytes`.
    pub fn push(&mut self, sample: &Sample, bytes: &mut Vec<u8>) {
        if !self.begun {
            bytes.extend_from_slice(MAGIC);
            self.begun = true;
        }
        let last = &self.last;
        bytes.push(u8::from(sample.synchronised) | u8::from(sample.lie) << 1);
        for difference in [
            sample.raw.wrapping_sub(last.raw),
            sample.reference.wrapping_sub(sample.raw).wrapping_sub(last.reference.wrapping_sub(last.raw)),
            sample.offset.wrapping_sub(last.offset),
            sample.max_error_us.wrapping_sub(last.max_error_us),
            sample.uncertainty.wrapping_sub(last.uncertainty),
        ] {
            put(bytes, difference);
        }
        self.last = *sample;
    }
}

/// Unpacks what an [`Encoder`] packed, piece by piece as it arrives.
#[derive(Debug, Default)]
pub struct Decoder {
    last: Sample,
    begun: bool,
    pending: Vec<u8>,
}

impl Decoder {
    /// Takes the next piece and appends the samples that it completes to `samples`. False when this is
    /// no trace.
    #[must_use]
    pub fn feed(&mut self, piece: &[u8], samples: &mut Vec<Sample>) -> bool {
        self.pending.extend_from_slice(piece);
        let mut rest = self.pending.as_slice();
        if !self.begun {
            if rest.len() < MAGIC.len() {
                return MAGIC.starts_with(rest);
            }
            let Some(tail) = rest.strip_prefix(MAGIC) else { return false };
            rest = tail;
            self.begun = true;
        }
        while let Some((sample, tail)) = record(&self.last, rest) {
            samples.push(sample);
            self.last = sample;
            rest = tail;
        }
        self.pending = rest.to_vec();
        true
    }
}

/// One whole record after `last`, and what follows it.
fn record<'a>(last: &Sample, bytes: &'a [u8]) -> Option<(Sample, &'a [u8])> {
    let (flags, mut rest) = bytes.split_first()?;
    let raw = last.raw.wrapping_add(take(&mut rest)?);
    let reference = last.reference.wrapping_sub(last.raw).wrapping_add(take(&mut rest)?).wrapping_add(raw);
    let sample = Sample {
        raw,
        reference,
        offset: last.offset.wrapping_add(take(&mut rest)?),
        max_error_us: last.max_error_us.wrapping_add(take(&mut rest)?),
        synchronised: flags & 1 != 0,
        lie: flags & 2 != 0,
        uncertainty: last.uncertainty.wrapping_add(take(&mut rest)?),
    };
    Some((sample, rest))
}

fn put(bytes: &mut Vec<u8>, value: i64) {
    let mut rest = u64::from_ne_bytes((value.wrapping_shl(1) ^ (value >> 63)).to_ne_bytes());
    while rest >= 0x80 {
        bytes.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    bytes.push(rest.to_le_bytes()[0]);
}

fn take(bytes: &mut &[u8]) -> Option<i64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            let zigzag = (value >> 1) ^ (value & 1).wrapping_neg();
            return Some(i64::from_ne_bytes(zigzag.to_ne_bytes()));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(raw: i64, offset: i64) -> Sample {
        Sample {
            raw,
            reference: 1_800_000_000_000_000_000 + raw,
            offset,
            max_error_us: 16_000_000,
            ..Sample::default()
        }
    }

    fn encode(samples: &[Sample]) -> Vec<u8> {
        let (mut encoder, mut bytes) = (Encoder::default(), Vec::new());
        samples.iter().for_each(|sample| encoder.push(sample, &mut bytes));
        bytes
    }

    #[test]
    fn a_trace_comes_back_as_it_was_recorded_in_pieces_of_any_size() {
        let mut samples = vec![
            sample(5, 0),
            sample(500_005, -99),
            sample(1_000_000, i64::MAX),
            sample(1_500_000, i64::MIN),
        ];
        samples.push(Sample { synchronised: true, lie: true, uncertainty: 4_500, ..sample(2_000_000, 3) });
        let bytes = encode(&samples);
        for size in 1..=bytes.len() {
            let (mut decoder, mut back) = (Decoder::default(), Vec::new());
            assert!(bytes.chunks(size).all(|piece| decoder.feed(piece, &mut back)));
            assert_eq!(back, samples);
        }
    }

    #[test]
    fn an_ordinary_sample_takes_less_than_ten_bytes() {
        let samples: Vec<Sample> = (0..1_000).map(|i| sample(i * 500_123, i % 7)).collect();
        assert!(encode(&samples).len() < 10_000);
    }

    #[test]
    fn anything_else_is_refused() {
        let mut samples = Vec::new();
        assert!(!Decoder::default().feed(b"something that is no trace", &mut samples));
        assert!(!Decoder::default().feed(b"x", &mut samples));
    }
}
