//! Answers requests about the published serializers and devices, so that another implementation can
//! be compared with them: one JSON request a line on standard input, one JSON reply a line on
//! standard output, in the same order. `protocol` has the requests.

mod allocator;
mod bounds;
mod codec;
mod de;
mod protocol;
mod rules;
mod schema;
mod ser;
mod squib;
mod superio;
mod value;
mod virtqueue;

use std::io::{self, BufRead, Write};
use std::thread;

use protocol::Server;

/// Enough for `bounds::DEPTH_MAX` levels of decoding.
const STACK_SIZE_BYTES: usize = 512 << 20;

fn main() -> io::Result<()> {
    // A panic is part of a reply; its message is not to be printed as well.
    std::panic::set_hook(Box::new(|_| {}));
    let server = thread::Builder::new().stack_size(STACK_SIZE_BYTES).spawn(serve)?;
    server.join().unwrap_or_else(|_| Err(io::Error::other("the server itself panicked")))
}

/// Answer requests until the input ends.
fn serve() -> io::Result<()> {
    let mut server = Server::default();
    let mut output = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        serde_json::to_writer(&mut output, &server.answer(&line?))?;
        output.write_all(b"\n")?;
        output.flush()?;
    }
    Ok(())
}
