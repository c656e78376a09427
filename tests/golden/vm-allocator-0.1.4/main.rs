// Reads JSON lines {"base": .., "size": .., "operations": [["first", size, align], ["last", size, align],
// ["at", address, size], ["free", first, last]]}; writes one line each: [results, tree after each].
use std::io::BufRead;
use vm_allocator::{AddressAllocator, AllocPolicy, RangeInclusive};
fn main() {
    for line in std::io::stdin().lock().lines() {
        let v: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        let n = |x: &serde_json::Value| x.as_u64().unwrap();
        let mut a = AddressAllocator::new(n(&v["base"]), n(&v["size"])).unwrap();
        let mut results = vec![];
        for op in v["operations"].as_array().unwrap() {
            let (x, y) = (n(&op[1]), n(&op[2]));
            let r = match op[0].as_str().unwrap() {
                "first" => a.allocate(x, y, AllocPolicy::FirstMatch).ok(),
                "last" => a.allocate(x, y, AllocPolicy::LastMatch).ok(),
                "at" => a.allocate(y, 1, AllocPolicy::ExactMatch(x)).ok(),
                "free" => { a.free(&RangeInclusive::new(x, y).unwrap()).unwrap(); None }
                _ => panic!(),
            };
            results.push(r.map(|r| r.start()));
        }
        println!("{}", serde_json::json!({"base": v["base"], "size": v["size"], "operations": v["operations"], "addresses": results, "allocator": a}));
    }
}
