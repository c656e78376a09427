// Reads JSON lines {"base": .., "end": .., "operations": [["take"], ["give", id]]}; writes one line each:
// what each operation gave, null for a refusal, and the allocator after the last one.
use std::io::BufRead;
use vm_allocator::IdAllocator;
fn main() {
    for line in std::io::stdin().lock().lines() {
        let v: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        let n = |x: &serde_json::Value| u32::try_from(x.as_u64().unwrap()).unwrap();
        let mut a = IdAllocator::new(n(&v["base"]), n(&v["end"])).unwrap();
        let mut results = vec![];
        for op in v["operations"].as_array().unwrap() {
            results.push(match op[0].as_str().unwrap() {
                "take" => a.allocate_id().ok(),
                "give" => a.free_id(n(&op[1])).ok(),
                _ => panic!(),
            });
        }
        println!("{}", serde_json::json!({"base": v["base"], "end": v["end"], "operations": v["operations"], "ids": results, "allocator": a}));
    }
}
