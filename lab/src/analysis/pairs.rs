//! The offset of a guest's clock from its host's, by pairs of counter and clock from both.
//!
//! The guest's counter is the host's plus an offset that the host's KVM knows. So at each of the guest's pairs the
//! host's clock is known: between the two of the host's pairs that enclose it, on the straight line through them.

use hostclock_lab_guest::trace::Sample;

use super::number::{float, whole};

/// The guest's pairs as samples: `raw` in ns from the first on, by the host's clock, `reference` the host's
/// clock, and half of both machines' brackets as the `uncertainty`. What lies outside of the host's recording is left
/// out. `None` where that leaves nothing.
pub(crate) fn compare(guest: &[Sample], host: &[Sample], counter_offset: i64) -> Option<Vec<Sample>> {
    let (first, last) = (host.first()?, host.last()?);
    let per_ns = float(last.raw - first.raw) / float(last.reference - first.reference);
    if !(per_ns.is_finite() && per_ns > 0.0) {
        return None;
    }
    let nanoseconds = |ticks: i64| whole(float(ticks) / per_ns);
    let at = |pair: &Sample| {
        let counter = pair.raw - counter_offset;
        let next = host.partition_point(|other| other.raw <= counter);
        let (one, two) = (host.get(next.checked_sub(1)?)?, host.get(next)?);
        let share = float(counter - one.raw) / float(two.raw - one.raw);
        let reference = one.reference + whole(share * float(two.reference - one.reference));
        let uncertainty = nanoseconds(pair.uncertainty + one.uncertainty.max(two.uncertainty));
        let offset = pair.reference - reference;
        let told = pair.max_error_us.saturating_mul(1_000);
        Some(Sample {
            raw: nanoseconds(counter - first.raw),
            reference,
            offset,
            uncertainty,
            lie: pair.synchronised && offset.saturating_abs().saturating_sub(uncertainty) > told,
            ..*pair
        })
    };
    let samples: Vec<Sample> = guest.iter().filter_map(at).collect();
    (!samples.is_empty()).then_some(samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_800_000_000_000_000_000;

    /// A pair each ms of a clock that began at `START + offset`, by a counter of 2.5 GHz that began at `counter`.
    fn pairs(count: i64, counter: i64, offset: i64) -> Vec<Sample> {
        let pair = |ms| Sample {
            raw: counter + ms * 2_500_000,
            reference: START + offset + ms * 1_000_000,
            uncertainty: 250,
            ..Sample::default()
        };
        (0..count).map(pair).collect()
    }

    #[test]
    fn clocks_are_compared_at_one_reading_of_the_counter() {
        let host = pairs(100, 7_000_000, 0);
        // The guest's counter lacks five million, and its pairs lie between the host's.
        let mut guest = pairs(50, 7_000_000 - 5_000_000 + 25_000_000 + 1_250_000, 10_500_000 + 333);
        guest[3].synchronised = true;
        let found = compare(&guest, &host, -5_000_000).unwrap();
        assert_eq!(found.len(), 50);
        assert!(found.iter().all(|sample| sample.offset == 333 && sample.uncertainty == 200));
        assert_eq!((found[0].raw, found[1].raw), (10_500_000, 11_500_000));
        assert!(found[3].lie && !found[2].lie);
    }

    #[test]
    fn what_the_host_did_not_record_is_left_out() {
        let (host, guest) = (pairs(10, 0, 0), pairs(100, 0, 5));
        assert_eq!(compare(&guest, &host, 0).unwrap().len(), 9);
        assert!(compare(&guest, &host, 1 << 50).is_none() && compare(&guest, &[], 0).is_none());
    }
}
