//! The backend by itself: from a complete view to the kernel.

use std::net::IpAddr;
use std::time::Instant;

use plumb_api::Object;
use plumb_intent::Services;
use plumb_proxy::backend::nftables::Nftables;
use plumb_tests::netns::Namespace;
use plumb_tests::services::{backend, endpoints, failed, frame, many, service, settings, slice};
use plumb_tests::{Failure, Result, shell};
use serde_json::json;

use super::{Times, bare, megabytes, ms, namespace};

pub(super) fn loaded(services: u32, each: u32) -> Result<(Namespace, Services, Nftables)> {
    let namespace = namespace()?;
    let mut view = many(services, each)?;
    view.take();
    let mut kernel = backend(namespace.name(), frame())?;
    kernel.load(&view, &settings()).map_err(failed("loading"))?;
    Ok((namespace, view, kernel))
}

/// View complete → kernel holds it.
pub(super) fn load() -> Result<()> {
    for (services, each) in [(10_000, 3), (100_000, 3), (44_125, 1)] {
        let namespace = namespace()?;
        let mut view = many(services, each)?;
        let began = Instant::now();
        let delta = view.take();
        let intent = began.elapsed();
        drop(delta);
        let slab = megabytes("/proc/meminfo", "Slab");
        let mut kernel = backend(namespace.name(), frame())?;
        let began = Instant::now();
        let synced = kernel.load(&view, &settings()).map_err(failed("loading"))?;
        let all = began.elapsed();
        let bare = bare::fill(synced.elements)?;
        println!(
            "{services} services × {each}: kernel holds it after {:.0} ms ({:.0} intent, {:.0} in the kernel); {} elements, {:.1} MB; \
             so many elements in one bare map take the kernel {:.0} ms; this process {:.0} MB, slab {:+.0} MB",
            ms(intent + all),
            ms(intent),
            ms(synced.kernel_time),
            synced.elements,
            synced.bytes as f64 / 1e6,
            ms(bare),
            megabytes("/proc/self/status", "VmRSS"),
            megabytes("/proc/meminfo", "Slab") - slab,
        );
    }
    Ok(())
}

/// One endpoint of a Service goes and comes back: decoding the event, intent, transaction.
pub(super) fn endpoint() -> Result<()> {
    for services in [100, 10_000, 100_000] {
        let (_namespace, mut view, mut kernel) = loaded(services, 3)?;
        let (mut all, mut inside) = (Times::default(), Times::default());
        for run in 0..1000u32 {
            let number = run.wrapping_mul(7919) % services;
            let here: Vec<IpAddr> = endpoints(number, 3).into_iter().skip((run % 2) as usize).collect();
            let event =
                Object::EndpointSlice(slice(number, &here)?).to_json().map_err(failed("writing an event"))?;
            let text = event.to_string();
            let began = Instant::now();
            let value = serde_json::from_str(&text).map_err(failed("reading an event"))?;
            if let Object::EndpointSlice(slice) =
                Object::from_json(value).map_err(failed("reading an event"))?
            {
                view.apply_slice(&slice);
            }
            let synced = kernel.apply(&view.take()).map_err(failed("applying"))?;
            if synced.transactions > 0 {
                all.0.push(began.elapsed());
                inside.0.push(synced.kernel_time);
            }
        }
        println!("one endpoint at {services} services: {} ({} in the kernel)", all.show(), inside.show());
    }
    println!("one element of a bare map of 10,000 goes and comes: {} in the kernel", bare::change()?.show());
    Ok(())
}

pub(super) fn create_and_delete() -> Result<()> {
    for services in [100, 10_000] {
        let (_namespace, mut view, mut kernel) = loaded(services, 3)?;
        let (mut created, mut deleted) = (Times::default(), Times::default());
        for run in 0..500 {
            let number = services + run;
            let (object, ends) = (service(number, json!({}))?, slice(number, &endpoints(number, 3))?);
            let began = Instant::now();
            view.apply_service(&object);
            view.apply_slice(&ends);
            kernel.apply(&view.take()).map_err(failed("applying"))?;
            created.0.push(began.elapsed());
            let began = Instant::now();
            view.remove_service(&object.metadata.full_name());
            view.remove_slice(&ends.metadata.full_name());
            kernel.apply(&view.take()).map_err(failed("applying"))?;
            deleted.0.push(began.elapsed());
        }
        println!("a Service at {services} services: created {}; deleted {}", created.show(), deleted.show());
    }
    Ok(())
}

/// A Service with source ranges comes and goes where there are 10,000 ranges.
pub(super) fn source_ranges() -> Result<()> {
    let namespace = namespace()?;
    let mut view = plumb_tests::services::view();
    let with_ranges = |number: u32, ranges: u32| -> Result<plumb_api::Service> {
        let all: Vec<String> = (0..ranges).map(|i| format!("20.{}.{}.0/25", i / 256, i % 256)).collect();
        let mut object = service(number, json!({"type": "LoadBalancer", "loadBalancerSourceRanges": all}))?;
        object.status.load_balancer.ingress = vec![plumb_api::LoadBalancerIngress {
            ip: format!("198.51.{}.{}", 100 + number / 256, number % 256).into(),
            ..plumb_api::LoadBalancerIngress::default()
        }];
        Ok(object)
    };
    for number in 0..100 {
        view.apply_service(&with_ranges(number, 100)?);
        view.apply_slice(&slice(number, &endpoints(number, 3))?);
    }
    view.take();
    let mut kernel = backend(namespace.name(), frame())?;
    kernel.load(&view, &settings()).map_err(failed("loading"))?;
    let mut times = Times::default();
    for run in 0..200 {
        let object = with_ranges(200 + run, 3)?;
        let began = Instant::now();
        view.apply_service(&object);
        kernel.apply(&view.take()).map_err(failed("applying"))?;
        times.0.push(began.elapsed());
        view.remove_service(&object.metadata.full_name());
        kernel.apply(&view.take()).map_err(failed("applying"))?;
    }
    println!("a Service with 3 source ranges beside 10,000 ranges: {}", times.show());
    Ok(())
}

/// Another process takes over what is there.
pub(super) fn restart() -> Result<()> {
    let (namespace, view, _kernel) = loaded(10_000, 3)?;
    let mut times = Times::default();
    for _ in 0..5 {
        let mut kernel = backend(namespace.name(), frame())?;
        let began = Instant::now();
        kernel.load(&view, &settings()).map_err(failed("loading"))?;
        times.0.push(began.elapsed());
    }
    println!("restart with the rules of 10,000 × 3 in place: in sync after {}", times.show());
    Ok(())
}

/// Chains, rules and anonymous sets do not grow.
pub(super) fn constant() -> Result<()> {
    for services in [100, 10_000] {
        let (namespace, _view, _kernel) = loaded(services, 3)?;
        let count = r#"ip netns exec "$ns" nft -s list ruleset > "$file"
            echo "$(grep -c 'chain ' "$file") chains, $(awk '/^\tchain/{c=1;next} /^\t}/{c=0} c' "$file" | wc -l) rules, \
$(grep -c '__set\|__map\|vmap {' "$file" || true) anonymous sets""#;
        let file = tempfile::NamedTempFile::new().map_err(Failure::io("making a file"))?;
        let variables =
            [("ns".into(), namespace.name().to_owned()), ("file".into(), file.path().display().to_string())];
        println!("{services} services: {}", shell::run("counting", count, &variables)?.trim());
    }
    Ok(())
}
