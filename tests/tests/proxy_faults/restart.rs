//! The proxy ends, in good order or killed, while objects change and connections go on.

use plumb_tests::Result;

use super::bed::{Bed, Objects, PLAIN, wait};
use super::traffic::Traffic;

/// What is done to a proxy.
enum End {
    Terminated,
    Killed,
}

fn restart(end: &End) -> Result<()> {
    let (bed, objects) = (Bed::new()?, Objects::new(10_000)?);
    let _server = objects.serve(&bed)?;
    objects.service(1, &[0, 1])?;
    objects.service(2, &[2])?;
    objects.service(3, &[3])?;
    let mut proxy = bed.proxy(&[], &PLAIN)?;
    wait("the first sync", &proxy, || Ok(bed.is_served_by(1, &[0, 1])? && bed.is_served_by(3, &[3])?))?;
    let traffic = Traffic::start(&bed, 1, &[0, 1]);
    traffic.flows()?;
    for round in 0..3u8 {
        match end {
            End::Terminated => {
                assert_eq!(proxy.terminate()?, Some(0));
                let (code, text) = bed.ask_status(&[])?;
                assert_eq!(code, Some(3), "nobody should answer: {text}");
            }
            End::Killed => drop(proxy),
        }
        // Its rules stay, and do not follow.
        let old = if round == 0 { 3 } else { 3 + round - 1 };
        objects.endpoints(3, &[3 + round])?;
        if round == 1 {
            objects.delete(2)?;
        }
        objects.service(10 + u32::from(round), &[round])?;
        traffic.flows()?;
        assert!(bed.is_served_by(3, &[old])?);
        proxy = bed.proxy(&[], &PLAIN)?;
        wait("what changed meanwhile", &proxy, || {
            let gone = round == 0 || !bed.holds(2)?;
            Ok(gone
                && bed.is_served_by(3, &[3 + round])?
                && bed.is_served_by(10 + u32::from(round), &[round])?)
        })?;
        bed.kernel_is_as_the_api_says()?;
        wait("its state", &proxy, || Ok(bed.ask_status(&[])?.0 == Some(0)))?;
        traffic.flows()?;
    }
    Ok(())
}

#[test]
fn a_proxy_that_is_asked_to_end_and_started_again() -> Result<()> {
    restart(&End::Terminated)
}

#[test]
fn a_proxy_that_is_killed_and_started_again() -> Result<()> {
    restart(&End::Killed)
}
