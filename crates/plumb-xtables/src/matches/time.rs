//! `time` (`xt_time.h`).

use serde::{Deserialize, Serialize};

use crate::blob::{Blob, BlobError};
use crate::extension::Extension;
use crate::text::Options;
use crate::types::{SetNames, XtFamily};

/// `struct xt_time_info`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Time {
    /// Not before, seconds since 1970.
    pub date_start: u32,
    /// Not after, seconds since 1970.
    pub date_stop: u32,
    /// Not before, seconds since midnight. Greater than `daytime_stop`: over midnight.
    pub daytime_start: u32,
    /// Not after, seconds since midnight.
    pub daytime_stop: u32,
    /// Days of the month, bit 1 the first.
    pub monthdays: u32,
    /// Days of the week, bit 1 Monday, bit 7 Sunday.
    pub weekdays: u8,
    /// By the kernel's time zone, not UTC.
    pub kernel_tz: bool,
    /// What begins before midnight belongs to the day on which it began.
    pub contiguous: bool,
}

const ALL_MONTHDAYS: u32 = 0xffff_fffe;
const ALL_WEEKDAYS: u8 = 0xfe;
const LAST_SECOND: u32 = 86_399;

impl Extension for Time {
    fn decode(revision: u32, _: XtFamily, b: &mut Blob<'_>) -> Result<Self, BlobError> {
        if revision != 0 {
            return Err(BlobError::Revision(revision));
        }
        let (date_start, date_stop, daytime_start, daytime_stop) = (b.u32()?, b.u32()?, b.u32()?, b.u32()?);
        let (monthdays, weekdays, flags) = (b.u32()?, b.u8()?, b.u8()?);
        if flags & !3 != 0 {
            return Err(BlobError::Value { field: "flags", value: flags.into() });
        }
        Ok(Self {
            date_start,
            date_stop,
            daytime_start,
            daytime_stop,
            monthdays,
            weekdays,
            kernel_tz: flags & 1 != 0,
            contiguous: flags & 2 != 0,
        })
    }

    fn options(&self, _: &dyn SetNames) -> String {
        const WEEK: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
        let mut o = Options::new();
        if self.daytime_start != 0 || self.daytime_stop != LAST_SECOND {
            let (start, stop) = (clock(self.daytime_start), clock(self.daytime_stop));
            o.push(format!("--timestart {start} --timestop {stop}"));
        }
        if self.monthdays != ALL_MONTHDAYS {
            let days: Vec<_> =
                (1..=31).filter(|d| self.monthdays >> d & 1 != 0).map(|d: u32| d.to_string()).collect();
            o.push(format!("--monthdays {}", days.join(",")));
        }
        if self.weekdays != ALL_WEEKDAYS {
            let days = WEEK.iter().enumerate().filter(|(i, _)| self.weekdays >> (i + 1) & 1 != 0);
            o.push(format!("--weekdays {}", days.map(|(_, d)| *d).collect::<Vec<_>>().join(",")));
        }
        let date = |d: u32| (d != 0).then(|| datetime(d));
        o.opt("--datestart", date(self.date_start)).opt("--datestop", date(self.date_stop));
        o.flag(self.kernel_tz, "--kerneltz").flag(self.contiguous, "--contiguous").build()
    }
}

fn clock(seconds: u32) -> String {
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// A time in UTC.
fn datetime(seconds: u32) -> String {
    let leap = |year: u32| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let (mut day, mut year) = (seconds / 86_400, 1970);
    while day >= 365 + u32::from(leap(year)) {
        day -= 365 + u32::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u32::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for len in lengths {
        if day < len {
            break;
        }
        day -= len;
        month += 1;
    }
    format!("{year:04}-{month:02}-{:02}T{}", day + 1, clock(seconds % 86_400))
}
