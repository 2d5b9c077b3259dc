//! The time of day as rules see it (net/netfilter/xt_time.c, nft_meta.c): that of the reading, and what the walk took since.

use plumb_nft::MetaKey;
use plumb_xtables::matches::Time;

use super::branch::Branch;
use super::eval::Step;
use super::solve::Run;
use super::xt::Says;

const DAY: i64 = 86_400;
const KERNEL_ZONE: &str = "the time zone of the kernel, which was not read";

impl Run<'_> {
    /// Seconds since 1970, UTC.
    fn now(&self, b: &Branch) -> Option<i64> {
        let read_at = self.env.lookups.clock()?.seconds;
        i64::try_from(read_at + b.state.world.meters.clock / 1000).ok()
    }

    fn minutes_west(&self) -> Option<i64> {
        self.env.lookups.clock()?.minutes_west.map(i64::from)
    }

    /// `time_mt`
    pub(super) fn xt_time(&self, b: &Branch, m: &Time) -> Says {
        let Some(mut stamp) = self.now(b) else { return Says::Unknown("the time of the reading".to_owned()) };
        if m.kernel_tz {
            match self.minutes_west() {
                Some(west) => stamp -= 60 * west,
                None => return Says::Unknown(KERNEL_ZONE.to_owned()),
            }
        }
        holds(m, stamp).into()
    }

    /// `nft_meta_get_eval_time`
    pub(super) fn meta_time(&self, b: &mut Branch, key: MetaKey, dreg: u8) -> Step {
        let unknown = |b: &mut Branch, len, why: &str| {
            b.regs.store_unknown(dreg, len, &why.into());
            Step::Next
        };
        let len = if key == MetaKey::TimeNs { 8 } else { 4 };
        let Some(now) = self.now(b) else { return unknown(b, len, "the time of the reading") };
        match key {
            MetaKey::TimeNs => b.regs.store(dreg, &now.saturating_mul(1_000_000_000).to_ne_bytes()),
            MetaKey::TimeDay => match self.minutes_west() {
                // nft_meta_weekday: 0 is Sunday, and 1970 began with a Thursday.
                Some(west) => {
                    b.regs.store(dreg, &[(4 + (now - 60 * west).div_euclid(DAY)).rem_euclid(7) as u8])
                }
                None => return unknown(b, 1, KERNEL_ZONE),
            },
            // nft_meta_hour: seconds since midnight, whatever the name.
            _ => b.regs.store4(dreg, now.rem_euclid(DAY) as u32),
        }
        Step::Next
    }
}

fn holds(m: &Time, mut stamp: i64) -> bool {
    if stamp < i64::from(m.date_start) || stamp > i64::from(m.date_stop) {
        return false;
    }
    let (start, stop) = (i64::from(m.daytime_start), i64::from(m.daytime_stop));
    let second = stamp.rem_euclid(DAY);
    if start < stop {
        if second < start || second > stop {
            return false;
        }
    } else {
        if second < start && second > stop {
            return false;
        }
        // What began before midnight belongs to the day on which it began.
        if m.contiguous && second <= stop {
            stamp -= DAY;
        }
    }
    let days = stamp.div_euclid(DAY);
    // 1 is Monday; 1970 began with a Thursday.
    let weekday = (4 + days - 1).rem_euclid(7) + 1;
    if m.weekdays >> weekday & 1 == 0 {
        return false;
    }
    m.monthdays == ALL_MONTHDAYS || m.monthdays >> day_of_month(days) & 1 != 0
}

/// `XT_TIME_ALL_MONTHDAYS`
const ALL_MONTHDAYS: u32 = 0xffff_fffe;

/// Day of the month, from 1, of a day since 1970 (days_from_civil turned round, for years of the Gregorian calendar).
fn day_of_month(days: i64) -> u32 {
    let from_march = days + 719_468;
    let day_of_era = from_march.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    (day_of_year - (153 * month + 2) / 5 + 1) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_second() -> Time {
        Time {
            date_start: 0,
            date_stop: i32::MAX as u32,
            daytime_start: 0,
            daytime_stop: 86_399,
            monthdays: ALL_MONTHDAYS,
            weekdays: 0xfe,
            kernel_tz: false,
            contiguous: false,
        }
    }

    /// 2024-02-29 was a Thursday: 19782 days since 1970.
    const LEAP_DAY: i64 = 19_782 * DAY;

    #[test]
    fn days_of_weeks_and_months() {
        assert_eq!([0, 30, 31, 58, 59].map(day_of_month), [1, 31, 1, 28, 1]);
        assert_eq!([19_782, 19_783].map(day_of_month), [29, 1]);
        assert!(holds(&every_second(), LEAP_DAY));
        assert!(holds(&Time { weekdays: 1 << 4, ..every_second() }, LEAP_DAY));
        assert!(!holds(&Time { weekdays: 1 << 5, ..every_second() }, LEAP_DAY));
        assert!(holds(&Time { monthdays: 1 << 29, ..every_second() }, LEAP_DAY));
        assert!(!holds(&Time { monthdays: 1 << 28, ..every_second() }, LEAP_DAY));
    }

    #[test]
    fn over_midnight() {
        // Monday night from 23:00 to 01:00, and what is the Tuesday after it.
        let night = Time { daytime_start: 82_800, daytime_stop: 3600, weekdays: 1 << 1, ..every_second() };
        let monday = LEAP_DAY - 3 * DAY;
        assert!(holds(&night, monday + 82_800) && holds(&night, monday + 1800));
        assert!(!holds(&night, monday + DAY + 1800) && !holds(&night, monday + 7200));
        let night = Time { contiguous: true, ..night };
        assert!(holds(&night, monday + 82_800) && holds(&night, monday + DAY + 1800));
        assert!(!holds(&night, monday + 1800));
    }

    #[test]
    fn between_dates() {
        let until = Time { date_stop: LEAP_DAY as u32, ..every_second() };
        assert!(holds(&until, LEAP_DAY) && !holds(&until, LEAP_DAY + 1));
    }
}
