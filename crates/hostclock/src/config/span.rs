//! Durations and frequencies as people write them: `62.5ms`, `500ppm`, `8%`. A number without its
//! unit is refused, because nobody can tell which one was meant.

use hostclock_core::units::{Duration, Frequency};

/// The units of a duration with their length in nanoseconds, longest first.
const TIMES: [(&str, i64); 7] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("min", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];
/// The first unit of [`TIMES`] that is written with a fraction.
const DECIMAL_FROM: usize = 3;

/// The units of a frequency, in ppb, largest first.
const RATES: [(&str, f64); 3] = [("%", 1e7), ("ppm", 1e3), ("ppb", 1.0)];

/// Reads a duration such as `250ns`, `10us`, `62.5ms`, `1s`, `2min`, `1h` or `1d`.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text)?;
    let unit = match unit {
        "" => return Err(format!("{number} needs a unit: ns, us, ms, s, min, h or d")),
        "µs" | "μs" => "us",
        unit => unit,
    };
    let Some((_, length)) = TIMES.iter().find(|(name, _)| *name == unit) else {
        return Err(format!("the unit {unit:?} is unknown; the units are ns, us, ms, s, min, h and d"));
    };
    exact_product(number, *length).map(Duration::from_nanos)
}

/// Writes a duration so that [`parse_duration`] gives it back exactly.
pub(crate) fn show_duration(span: Duration) -> String {
    let ns = span.as_nanos();
    for (index, (unit, length)) in TIMES.iter().enumerate() {
        let (whole, rest) = (ns / length, ns % length);
        if whole == 0 || (rest != 0 && index < DECIMAL_FROM) {
            continue;
        }
        if rest == 0 {
            return format!("{whole}{unit}");
        }
        let digits = length.to_string().len().saturating_sub(1);
        let fraction = format!("{rest:0digits$}");
        return format!("{whole}.{}{unit}", fraction.trim_end_matches('0'));
    }
    format!("{ns}ns")
}

/// Reads a frequency such as `500ppm`, `20ppb` or `8%`.
pub(crate) fn parse_frequency(text: &str) -> Result<Frequency, String> {
    let (number, unit) = split(text)?;
    if unit.is_empty() {
        return Err(format!("{number} needs a unit: ppb, ppm or %"));
    }
    let Some((_, ppb)) = RATES.iter().find(|(name, _)| *name == unit) else {
        return Err(format!("the unit {unit:?} is unknown; the units are ppb, ppm and %"));
    };
    let number: f64 = number.parse().map_err(|_| format!("{number:?} is not a number"))?;
    Ok(Frequency::from_ppb(number * ppb))
}

/// Writes a frequency so that [`parse_frequency`] gives it back exactly.
pub(crate) fn show_frequency(rate: Frequency) -> String {
    RATES
        .iter()
        .filter(|(_, ppb)| rate.abs().as_ppb() >= *ppb)
        .map(|(unit, ppb)| format!("{}{unit}", rate.as_ppb() / ppb))
        .find(|text| parse_frequency(text) == Ok(rate))
        .unwrap_or_else(|| format!("{}ppb", rate.as_ppb()))
}

/// Splits `62.5ms` into `62.5` and `ms`.
fn split(text: &str) -> Result<(&str, &str), String> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end).unwrap_or((text, ""));
    let digits = number.replacen('.', "", 1);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        let found = super::value::quoted(text);
        return Err(match text.as_bytes().first() {
            Some(b'-' | b'+') => {
                format!("{found} has a sign; write a number of 0 or more and its unit")
            }
            _ => format!("{found} does not start with a number"),
        });
    }
    Ok((number, unit.trim_start()))
}

/// `number`, which [`split`] has let through, times `unit` ns, without rounding.
fn exact_product(number: &str, unit: i64) -> Result<i64, String> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let too_long = || format!("{} is too long: the most is 292 years", super::value::quoted(number));
    let mut ns = match whole {
        "" => 0,
        whole => whole.parse::<i64>().ok().and_then(|whole| whole.checked_mul(unit)).ok_or_else(too_long)?,
    };
    let mut place = unit;
    for digit in fraction.bytes().map(|b| i64::from(b.saturating_sub(b'0'))) {
        if digit != 0 && (place == 0 || place % 10 != 0) {
            return Err(format!("{} is finer than a nanosecond", super::value::quoted(number)));
        }
        place /= 10;
        ns = ns.checked_add(digit * place).ok_or_else(too_long)?;
    }
    Ok(ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_of_time_is_read() {
        let read = |text| parse_duration(text).map(Duration::as_nanos);
        assert_eq!(read("250ns"), Ok(250));
        assert_eq!(read("10us"), Ok(10_000));
        assert_eq!(read("10µs"), Ok(10_000));
        assert_eq!(read("10 μs"), Ok(10_000));
        assert_eq!(read(" 62.5 ms "), Ok(62_500_000));
        assert_eq!(read("1s"), Ok(1_000_000_000));
        assert_eq!(read(".5s"), Ok(500_000_000));
        assert_eq!(read("2min"), Ok(120_000_000_000));
        assert_eq!(read("1h"), Ok(3_600_000_000_000));
        assert_eq!(read("1.5d"), Ok(129_600_000_000_000));
    }

    #[test]
    fn what_is_not_a_duration_is_refused_with_a_reason() {
        let refused = |text| parse_duration(text).expect_err("refused");
        assert!(refused("10").contains("needs a unit"));
        assert!(refused("1 parsec").contains("unknown"));
        assert!(refused("-1s").contains("sign"));
        assert!(refused("soon").contains("does not start with a number"));
        assert!(refused("").contains("does not start with a number"));
        assert!(refused("1.2.3s").contains("does not start with a number"));
        assert!(refused(".s").contains("does not start with a number"));
        assert!(refused("0.5ns").contains("finer"));
        assert!(refused("0.01ns").contains("finer"));
        assert!(refused("300000d").contains("292 years"));
        assert!(refused("99999999999999999999s").contains("292 years"));
    }

    #[test]
    fn a_duration_is_written_in_the_unit_a_person_would_choose_and_read_back_exactly() {
        let cases =
            ["0ns", "250ns", "62.5ms", "1s", "1.5s", "90s", "2min", "1h", "1d", "1.000000001s", "1.001us"];
        for text in cases {
            let span = parse_duration(text).expect("valid");
            assert_eq!(show_duration(span), text);
        }
        assert_eq!(show_duration(Duration::from_secs(3_600)), "1h");
        assert_eq!(parse_duration(&show_duration(Duration::MAX)), Ok(Duration::MAX));
    }

    #[test]
    fn a_frequency_is_read_and_written_with_its_unit() {
        assert_eq!(parse_frequency("500ppm"), Ok(Frequency::from_ppm(500.0)));
        assert_eq!(parse_frequency("8 %"), Ok(Frequency::from_ppm(80_000.0)));
        assert!(parse_frequency("8").expect_err("no unit").contains("needs a unit"));
        assert!(parse_frequency("8Hz").expect_err("not a frequency").contains("ppm"));
        for text in ["8%", "500ppm", "20ppb", "0.1ppb", "1.5%", "123.456ppm"] {
            let rate = parse_frequency(text).expect("valid");
            assert_eq!(parse_frequency(&show_frequency(rate)), Ok(rate));
            assert_eq!(show_frequency(rate), text);
        }
    }
}
