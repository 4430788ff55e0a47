"""Goldens of creation and of random streams, bit for bit. Run: python test/goldens/tensor/creation.py

Random cases seed both generators in the expression; the numbers are PyTorch's CPU stream.
"""
from cases import *


def made(op, py, js, note=""):
    """What is made has no input, and so no gradient; float results are compared in float32."""
    case(op, [], py, js, note=note, grad=False)


made("zeros", "torch.zeros(2, 3)", "T.zeros([2, 3])")
made("zeros", "torch.zeros(())", "T.zeros([])", "0-d")
made("zeros", "torch.zeros(0, 2, dtype=torch.int32)", "T.zeros([0, 2], { dtype: 'int32' })", "empty")
made("ones", "torch.ones(2, dtype=torch.bool)", "T.ones([2], { dtype: 'bool' })")
made("full", "torch.full((2,), 7)", "T.full([2], 7)")
made("full", "torch.full((2,), True)", "T.full([2], true)")
made("full", "torch.full((2,), 0.5, dtype=torch.float16)", "T.full([2], 0.5, { dtype: 'float16' })")
made("full", "torch.full((1,), 2**60 + 1)", "T.full([1], 2n ** 60n + 1n)", "beyond doubles")
for name, js in [("zeros", "zerosLike"), ("ones", "onesLike")]:
    case(f"{name}_like", [leaf([2, 3])], f"torch.{name}_like(a)", f"T.{js}(a)", grad=False, others=INTS)  # no gradient: values are left
    case(f"new_{name}", [leaf([2])], f"a.new_{name}((3, 1))", f"a.new{name.title()}([3, 1])", grad=False, others=INTS)  # likewise
case("full_like", [leaf([2, 3])], "torch.full_like(a, 2)", "T.fullLike(a, 2)", grad=False, others=INTS)  # likewise
case("new_full", [leaf([2])], "a.new_full((2,), 3)", "a.newFull([2], 3)", grad=False, others=INTS)  # likewise
case("new_tensor", [leaf([2])], "a.new_tensor([[1, 2]])", "a.newTensor([[1, 2]])", grad=False, others=INTS)  # likewise
case("empty_like", [leaf([2, 3])], "torch.zeros_like(torch.empty_like(a))", "T.zerosLike(T.emptyLike(a))", grad=False, others=INTS)  # likewise

for py, js in [
    ("5", "5"), ("1, 4", "1, 4"), ("5, 0, -2", "5, 0, -2"), ("0", "0"), ("0, 1, 0.1", "0, 1, 0.1"), ("1, 2.5, 0.5", "1, 2.5, 0.5"),
    ("2.5, -1, -0.75", "2.5, -1, -0.75"), ("2**60, 2**60 + 3", "2n ** 60n, 2n ** 60n + 3n"), ("0.5, 0.5", "0.5, 0.5"),
    ("3, dtype=torch.float64", "3, { dtype: 'float64' }"), ("1, 9, 3, dtype=torch.int16", "1, 9, 3, { dtype: 'int16' }"),
    ("0.5, 3, dtype=torch.int64", "0.5, 3, { dtype: 'int64' }"),
]:
    made("arange", f"torch.arange({py})", f"T.arange({js})")
for py in ["0, 1, 5", "-3, 10, 7", "2, 2, 3", "1, 5, 1", "1, 5, 0", "0.1, 0.9, 50", "10, -10, 4"]:
    made("linspace", f"torch.linspace({py})", f"T.linspace({py})")
    made("linspace", f"torch.linspace({py}, dtype=torch.float64)", f"T.linspace({py}, {{ dtype: 'float64' }})", "float64")
made("linspace", "torch.linspace(0, 10, 4, dtype=torch.int64)", "T.linspace(0, 10, 4, { dtype: 'int64' })", "whole numbers")
made("logspace", "torch.logspace(-1, 2, 4)", "T.logspace(-1, 2, 4)")
made("logspace", "torch.logspace(0, 8, 9, base=2, dtype=torch.float64)", "T.logspace(0, 8, 9, { base: 2, dtype: 'float64' })")
for py in ["3", "2, 4", "4, 2", "0"]:
    made("eye", f"torch.eye({py})", f"T.eye({py})")
made("eye", "torch.eye(2, dtype=torch.int64)", "T.eye(2, { dtype: 'int64' })")
made("tensor", "torch.tensor([[1, 2], [3, 4]])", "T.tensor([[1, 2], [3, 4]])")
made("tensor", "torch.tensor([[1.5], [2]])", "T.tensor([[1.5], [2]])")
made("tensor", "torch.tensor([True, False])", "T.tensor([true, false])")
made("tensor", "torch.tensor([[], []])", "T.tensor([[], []])", "empty")
made("tensor", "torch.tensor(3)", "T.tensor(3)", "0-d")
made("tensor", "torch.tensor([1.5, 2.5], dtype=torch.int32)", "T.tensor([1.5, 2.5], { dtype: 'int32' })")
made("Tensor", "torch.Tensor([[1, 2], [3, 4]])", "T.floatTensor([[1, 2], [3, 4]])")
made("from_numpy", "torch.tensor([[1, 2], [3, 4]], dtype=torch.float64)", "T.tensor([new Float64Array([1, 2]), new Float64Array([3, 4])])")


def seeded(op, py, js, note=""):
    made(op, f"(torch.manual_seed(7), {py})[1]", f"(T.manualSeed(7), {js})", note)


FLOATS = ["float32", "float64", "float16", "bfloat16"]
for dtype in FLOATS:
    for count in (1, 15, 16, 17, 40):
        seeded("rand", f"torch.rand({count}, dtype=torch.{dtype})", f"T.rand([{count}], {{ dtype: '{dtype}' }})")
        seeded("randn", f"torch.randn({count}, dtype=torch.{dtype})", f"T.randn([{count}], {{ dtype: '{dtype}' }})")
        empty = f"torch.empty({count}, dtype=torch.{dtype})", f"T.empty([{count}], {{ dtype: '{dtype}' }})"
        seeded("uniform_", f"{empty[0]}.uniform_(-2, 3)", f"{empty[1]}.uniform_(-2, 3)")
        seeded("normal_", f"{empty[0]}.normal_(2, 3)", f"{empty[1]}.normal_(2, 3)")
    py, js = f"torch.empty(20, dtype=torch.{dtype})", f"T.empty([20], {{ dtype: '{dtype}' }})"
    seeded("exponential_", f"{py}.exponential_(2)", f"{js}.exponential_(2)")
    seeded("cauchy_", f"{py}.cauchy_(1, 0.5)", f"{js}.cauchy_(1, 0.5)")
    seeded("log_normal_", f"{py}.log_normal_(0, 0.5)", f"{js}.logNormal_(0, 0.5)")
    seeded("geometric_", f"{py}.geometric_(0.3)", f"{js}.geometric_(0.3)")
seeded("randn", "torch.stack([torch.randn(3), torch.randn(3), torch.rand(3)])", "T.stack([T.randn([3]), T.randn([3]), T.rand([3])])", "a normal is kept")
seeded("normal_", "torch.zeros(4, 5).t().normal_()", "T.zeros([4, 5]).t().normal_()", "in the order of memory")
seeded("uniform_", "torch.zeros(2, 3, 4).permute(2, 0, 1).uniform_()", "T.zeros([2, 3, 4]).permute([2, 0, 1]).uniform_()", "in the order of memory")
seeded("normal", "torch.normal(2., 3., (4,))", "T.normal(2, 3, [4])")
seeded("normal", "torch.normal(torch.arange(3.), 2.)", "T.normal(T.arange(3).to('float32'), 2)")
seeded("normal", "torch.normal(1., torch.arange(1., 21))", "T.normal(1, T.arange(1, 21).to('float32'))")
seeded("normal", "torch.normal(torch.arange(3.), torch.ones(3))", "T.normal(T.arange(3).to('float32'), T.ones([3]))")
for low, high in [(0, 10), (-5, 10), (0, 2**28 - 1), (0, 2**28), (0, 2**31), (0, 2**32 - 1), (0, 2**32), (-(2**40), 2**40), (-(2**62), 2**62)]:
    seeded("randint", f"torch.randint({low}, {high}, (9,))", f"T.randint({low}n, {high}n, [9])")
seeded("randint", "torch.randint(9, (2, 3))", "T.randint(9, [2, 3])", "one bound")
for dtype in ["int32", "int16", "int8", *FLOATS]:
    seeded("randint", f"torch.randint(-5, 10, (9,), dtype=torch.{dtype})", f"T.randint(-5, 10, [9], {{ dtype: '{dtype}' }})")
for dtype in [*INTS, "bool", *FLOATS]:
    seeded("random_", f"torch.zeros(9, dtype=torch.{dtype}).random_()", f"T.zeros([9], {{ dtype: '{dtype}' }}).random_()")
seeded("random_", "torch.zeros(9).random_(10)", "T.zeros([9]).random_(10)")
seeded("random_", "torch.zeros(9).random_(-3, 4)", "T.zeros([9]).random_(-3, 4)")
for count in (0, 1, 10, 1000):
    seeded("randperm", f"torch.randperm({count})", f"T.randperm({count})")
seeded("bernoulli_", "torch.empty(40).bernoulli_(0.3)", "T.empty([40]).bernoulli_(0.3)")
seeded("bernoulli_", "torch.zeros(2, 3, dtype=torch.int64).bernoulli_(torch.tensor([0.2, 0.9, 0.5]))",
       "T.zeros([2, 3], { dtype: 'int64' }).bernoulli_(T.tensor([0.2, 0.9, 0.5]))", "a tensor of probabilities")
seeded("bernoulli", "torch.bernoulli(torch.linspace(0, 1, 40))", "T.bernoulli(T.linspace(0, 1, 40))")
seeded("bernoulli", "torch.linspace(0, 1, 20, dtype=torch.float64).bernoulli()", "T.linspace(0, 1, 20, { dtype: 'float64' }).bernoulli()", "float64")
seeded("multinomial", "torch.tensor([.1, .2, .7]).multinomial(9, replacement=True)", "T.tensor([.1, .2, .7]).multinomial(9, { replacement: true })")
seeded("multinomial", "torch.tensor([[.1, .2, .7, 0], [1, 1, 1, 1]]).multinomial(3)", "T.tensor([[.1, .2, .7, 0], [1, 1, 1, 1]]).multinomial(3)", "without replacement")
seeded("multinomial", "torch.tensor([3., 1, 2]).multinomial(1)", "T.tensor([3, 1, 2], { dtype: 'float32' }).multinomial(1)", "one")
for seed in ("-1", "2**32 + 7", "2**40 + 9"):
    made("manual_seed", f"(torch.manual_seed({seed}), torch.rand(3))[1]", f"(T.manualSeed({seed}), T.rand([3]))")
for like in ("rand", "randn"):
    seeded(f"{like}_like", f"torch.{like}_like(torch.zeros(2, 3))", f"T.{like}Like(T.zeros([2, 3]))")
seeded("randint_like", "torch.randint_like(torch.zeros(2, 3), 2, 9)", "T.randintLike(T.zeros([2, 3]), 2, 9)")

# 0-d and empty. What is like a tensor keeps its sizes, not its elements; random elements fill its memory in order.
for size, js, note in [("()", "[]", "0-d"), ("(0, 3)", "[0, 3]", "empty")]:
    made("ones", f"torch.ones({size})", f"T.ones({js})", note)
    made("full", f"torch.full({size}, 7)", f"T.full({js}, 7)", note)
    shape = [] if note == "0-d" else [0, 3]
    numbers = "2.5" if note == "0-d" else "[]"
    for name, ours in [("zeros", "zerosLike"), ("ones", "onesLike")]:
        case(f"{name}_like", [leaf(shape)], f"torch.{name}_like(a)", f"T.{ours}(a)", note=note, grad=False)
        case(f"new_{name}", [leaf(shape)], f"a.new_{name}({size})", f"a.new{name.title()}({js})", note=note, grad=False)
    case("full_like", [leaf(shape)], "torch.full_like(a, 2)", "T.fullLike(a, 2)", note=note, grad=False)
    case("new_full", [leaf(shape)], f"a.new_full({size}, 3)", f"a.newFull({js}, 3)", note=note, grad=False)
    case("new_tensor", [leaf(shape)], f"a.new_tensor({numbers})", f"a.newTensor({numbers})", note=note, grad=False)
    case("empty_like", [leaf(shape)], "torch.zeros_like(torch.empty_like(a))", "T.zerosLike(T.emptyLike(a))", note=note, grad=False)
    made("Tensor", f"torch.Tensor({numbers}).reshape({size})" if note == "empty" else "torch.Tensor([2.5]).reshape(())",
         f"T.floatTensor({numbers})" + (f".reshape({js})" if note == "empty" else ""), note)
    array = "new Float64Array([1])" if note == "0-d" else "new Float64Array(0)"
    made("from_numpy", f"torch.zeros({size}, dtype=torch.float64) + 1", f"T.fromTypedArray({array}, {js})", note)
    for name in ("rand", "randn"):
        seeded(name, f"torch.{name}({size})", f"T.{name}({js})", note)
        seeded(f"{name}_like", f"torch.{name}_like(torch.zeros({size}))", f"T.{name}Like(T.zeros({js}))", note)
    seeded("normal", f"torch.normal(2., 3., {size})", f"T.normal(2, 3, {js})", note)
    seeded("randint", f"torch.randint(0, 9, {size})", f"T.randint(0, 9, {js})", note)
    seeded("randint_like", f"torch.randint_like(torch.zeros({size}), 2, 9)", f"T.randintLike(T.zeros({js}), 2, 9)", note)
    seeded("bernoulli", f"torch.bernoulli(torch.full({size}, 0.5))", f"T.bernoulli(T.full({js}, 0.5))", note)
    seeded("manual_seed", f"torch.rand({size})", f"T.rand({js})", note)
made("linspace", "torch.linspace(0, 1, 0)", "T.linspace(0, 1, 0)", "empty")
made("logspace", "torch.logspace(0, 1, 0)", "T.logspace(0, 1, 0)", "empty")
made("eye", "torch.eye(0, 3)", "T.eye(0, 3)", "empty")
seeded("multinomial", "torch.ones(0, 3).multinomial(2, replacement=True)", "T.ones([0, 3]).multinomial(2, { replacement: true })", "empty")
refused("multinomial", "a.multinomial(1)", "a.multinomial(1)", [given(0.5, "float32")], [given([[[0.5]]], "float32")])
for name, py, js in [("zeros_like", "torch.zeros_like(a)", "T.zerosLike(a)"), ("ones_like", "torch.ones_like(a)", "T.onesLike(a)"),
                     ("full_like", "torch.full_like(a, 2)", "T.fullLike(a, 2)"), ("empty_like", "torch.zeros_like(torch.empty_like(a))", "T.zerosLike(T.emptyLike(a))"),
                     ("new_zeros", "a.new_zeros((2, 2))", "a.newZeros([2, 2])"), ("new_ones", "a.new_ones((2, 2))", "a.newOnes([2, 2])"),
                     ("new_full", "a.new_full((2, 2), 3)", "a.newFull([2, 2], 3)"), ("new_tensor", "a.new_tensor([1, 2])", "a.newTensor([1, 2])")]:
    turned(name, [leaf([2, 3])], py, js, grad=False)
for like in ("rand", "randn"):
    seeded(f"{like}_like", f"torch.{like}_like(torch.zeros(3, 2).t())", f"T.{like}Like(T.zeros([3, 2]).t())", "not contiguous")
seeded("randint_like", "torch.randint_like(torch.zeros(3, 2).t(), 2, 9)", "T.randintLike(T.zeros([3, 2]).t(), 2, 9)", "not contiguous")
seeded("bernoulli", "torch.linspace(0, 1, 6).reshape(3, 2).t().bernoulli()", "T.linspace(0, 1, 6).reshape([3, 2]).t().bernoulli()", "not contiguous")
seeded("normal", "torch.normal(torch.arange(6.).reshape(3, 2).t(), 2.)", "T.normal(T.arange(6).to('float32').reshape([3, 2]).t(), 2)", "not contiguous")
seeded("normal", "torch.normal(torch.zeros(2, 1), torch.ones(3))", "T.normal(T.zeros([2, 1]), T.ones([3]))", "broadcast")
seeded("multinomial", "torch.tensor([[.1, 1], [.2, 1], [.7, 1]]).t().multinomial(5, replacement=True)",
       "T.tensor([[.1, 1], [.2, 1], [.7, 1]]).t().multinomial(5, { replacement: true })", "not contiguous")
for size, js, note in [("()", "[]", "0-d"), ("(0, 3)", "[0, 3]", "empty"), ("(2, 3)", "[2, 3]", "")]:
    # The elements of empty() are anything: sizes and dtype are compared.
    made("empty", f"torch.zeros_like(torch.empty({size}, dtype=torch.int32))", f"T.zerosLike(T.empty({js}, {{ dtype: 'int32' }}))", note)
    for call, ours in [("uniform_(-2, 3)", ""), ("normal_(2, 3)", ""), ("exponential_(2)", ""), ("cauchy_(1, 0.5)", ""), ("log_normal_(0, 0.5)", "logNormal_(0, 0.5)"),
                       ("geometric_(0.3)", ""), ("random_(10)", ""), ("bernoulli_(0.3)", "")]:
        seeded(call.split("(")[0], f"torch.zeros({size}).{call}", f"T.zeros({js}).{ours or call}", note)

write("creation")
