//! Proof that `signing` does not need the standard library: a program without it signs a request and verifies it.
//!
//! It brings what the standard library would bring: a panic handler and an allocator. If `signing` or a crate under it links
//! the standard library, there are two panic handlers, and the compiler refuses this crate. `cargo xtask no-std` builds this
//! library, makes a program of it with the linker for C, and runs the program.

#![no_std]

extern crate alloc;

use alloc::{borrow::Cow, boxed::Box, vec};
use core::{
    alloc::{GlobalAlloc, Layout},
    cell::UnsafeCell,
    error::Error,
    panic::PanicInfo,
    ptr,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};
use signing::{
    BasePaths, CheckedRequest, Field, Key, KeySet, Nonce, Query, ReceivedRequest, ReceivedTarget, Request, UnixSeconds,
    VerificationPolicy, sign,
};

/// Ends with status 0 if a signed request verifies.
#[unsafe(no_mangle)]
pub extern "C" fn main() -> i32 {
    i32::from(signs_and_verifies().is_err())
}

fn signs_and_verifies() -> Result<(), Box<dyn Error>> {
    let now = UnixSeconds::new(1_795_341_845);
    let lifetime = Duration::from_secs(60);
    let domain_name = "abc.execute-api.eu-west-1.amazonaws.com";
    let key = || Key::new("k1".try_into()?, &[7; 32], now, now + lifetime).map_err(Box::<dyn Error>::from);
    let request = Request {
        method: "GET".try_into()?,
        authority: domain_name.try_into()?,
        target: "/prod/pets".try_into()?,
        viewer_ip: "203.0.113.7".try_into()?,
        content_digest: None,
    };
    let signature = sign(&request, &key()?, Nonce::new([0; 16]), lifetime, now);

    let target = ReceivedTarget::Rest {
        path: Cow::Borrowed("/prod/pets"),
        api_path: Cow::Borrowed("/pets"),
        query: Query::default(),
    };
    let received = ReceivedRequest {
        method: "GET",
        second_method: None,
        domain_name,
        api_id: "abc",
        stage: "prod",
        headers: &[
            ("host", domain_name),
            (Field::CountersignTarget.name(), "/prod/pets"),
            (Field::CountersignViewerIp.name(), "203.0.113.7"),
            (Field::SignatureInput.name(), &signature.input),
            (Field::Signature.name(), &signature.signature),
        ],
        target: &target,
        time: Some(now),
    };
    let policy = VerificationPolicy {
        max_lifetime: lifetime,
        skew: Duration::ZERO,
        allow_ambiguous_path: false,
        require_digest: false,
        base_paths: BasePaths::default(),
    };
    CheckedRequest::check(&received, &policy)?.verify(&KeySet::new(vec![key()?])?)?;
    Ok(())
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}

/// The compiled `alloc` refers to it. This program never unwinds, so nothing calls it.
#[unsafe(no_mangle)]
pub extern "C" fn rust_eh_personality() {}

#[global_allocator]
static ALLOCATOR: Allocator = Allocator { memory: UnsafeCell::new([0; SIZE]), used: AtomicUsize::new(0) };

/// Enough for one request: memory is never reused.
const SIZE: usize = 256 * 1024;

struct Allocator {
    memory: UnsafeCell<[u8; SIZE]>,
    used: AtomicUsize,
}

// SAFETY: `used` gives each byte of `memory` to one caller only.
unsafe impl Sync for Allocator {}

// SAFETY: each block is aligned, lies inside of `memory`, which is static, and overlaps no other block.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let memory = self.memory.get().cast::<u8>();
        // Room for the worst alignment.
        let size = layout.size() + layout.align();
        let start = self.used.fetch_add(size, Ordering::Relaxed);
        if start + size > SIZE {
            return ptr::null_mut();
        }
        let block = memory.wrapping_add(start);
        block.wrapping_add(block.align_offset(layout.align()))
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}
