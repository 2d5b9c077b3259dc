#[test]
fn x(){}
fn main(){}