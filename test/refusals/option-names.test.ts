// Names in options objects: one that a function does not have is refused, with the nearest that it has.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import * as data from "../../src/data/index.ts";
import { AbrazoError } from "../../src/errors.ts";
import { generate, generateSequences } from "../../src/generate/generate.ts";
import { generationSettings } from "../../src/generate/generation-config.ts";
import { type Decoder, makeDecoder } from "../../src/generate/kv-cache.ts";
import { streamText } from "../../src/generate/stream-text.ts";
import { TextStreamer } from "../../src/generate/text-streamer.ts";
import { fromConfig } from "../../src/models/auto.ts";
import { shiftRight } from "../../src/models/seq2seq.ts";
import * as nn from "../../src/nn/index.ts";
import * as optim from "../../src/optim/index.ts";
import * as serialize from "../../src/serialize/index.ts";
import * as T from "../../src/tensor/index.ts";
import { EarlyStopping } from "../../src/train/early-stopping.ts";

const { functional: F, init } = nn;
const { lrScheduler } = optim;
const { transforms, datasets } = data;

/** What a caller without types passes. */
type Given = never;
/** A call, with the options left to the test; a name as PyTorch spells it, and the name that it has here. */
type Row = readonly [name: string, call: (options: Given) => unknown, theirs: string, ours: string];

const x = T.tensor([
  [1.5, -2],
  [0.5, 4],
]);
const image = T.ones([1, 3, 4, 4]);
const signal = T.ones([1, 3, 4]);
const volume = T.ones([1, 1, 4, 4, 4]);
const classes = T.tensor([0, 1]);
const leaf = () => T.ones([2], { requiresGrad: true });
const sgd = () => new optim.SGD([leaf()], { lr: 0.1, momentum: 0.9 });
const kernels = (rank: number) => T.ones([1, 3, 2, 2, 2].slice(0, rank + 2));
const square = T.tensor(
  [
    [2, 1],
    [1, 2],
  ],
  { dtype: "float32" },
);
const folder = mkdtempSync(join(tmpdir(), "options-"));
const path = (name: string) => join(folder, name);

const CREATION: Row[] = [
  ["tensor", (o) => T.tensor([1], o), "requires_grad", "requiresGrad"],
  ["asTensor", (o) => T.asTensor([1], o), "requires_grad", "requiresGrad"],
  ["floatTensor", (o) => T.floatTensor([1], o), "requires_grad", "requiresGrad"],
  ["fromTypedArray", (o) => T.fromTypedArray(new Float32Array(1), [1], o), "requires_grad", "requiresGrad"],
  ["zeros", (o) => T.zeros([2], o), "requires_grad", "requiresGrad"],
  ["ones", (o) => T.ones([2], o), "requires_grad", "requiresGrad"],
  ["full", (o) => T.full([2], 1, o), "requires_grad", "requiresGrad"],
  ["zerosLike", (o) => T.zerosLike(x, o), "requires_grad", "requiresGrad"],
  ["onesLike", (o) => T.onesLike(x, o), "requires_grad", "requiresGrad"],
  ["emptyLike", (o) => T.emptyLike(x, o), "requires_grad", "requiresGrad"],
  ["fullLike", (o) => T.fullLike(x, 1, o), "requires_grad", "requiresGrad"],
  ["arange", (o) => T.arange(3, o), "requires_grad", "requiresGrad"],
  ["linspace", (o) => T.linspace(0, 1, 3, o), "requires_grad", "requiresGrad"],
  ["logspace", (o) => T.logspace(0, 1, 3, o), "requires_grad", "requiresGrad"],
  ["eye", (o) => T.eye(2, o), "requires_grad", "requiresGrad"],
  ["rand", (o) => T.rand([2], o), "requires_grad", "requiresGrad"],
  ["randn", (o) => T.randn([2], o), "requires_grad", "requiresGrad"],
  ["uniform", (o) => T.uniform([2], 0, 1, o), "requires_grad", "requiresGrad"],
  ["normal", (o) => T.normal(0, 1, [2], o), "requires_grad", "requiresGrad"],
  ["randint", (o) => T.randint(0, 3, [2], o), "requires_grad", "requiresGrad"],
  ["randperm", (o) => T.randperm(3, o), "requires_grad", "requiresGrad"],
  ["randLike", (o) => T.randLike(x, o), "requires_grad", "requiresGrad"],
  ["randnLike", (o) => T.randnLike(x, o), "requires_grad", "requiresGrad"],
  ["randintLike", (o) => T.randintLike(x, 0, 3, o), "requires_grad", "requiresGrad"],
  ["trilIndices", (o) => T.trilIndices(2, 2, 0, o), "dtypes", "dtype"],
  ["triuIndices", (o) => T.triuIndices(2, 2, 0, o), "dtypes", "dtype"],
  ["newZeros", (o) => x.newZeros([2], o), "requires_grad", "requiresGrad"],
  ["newOnes", (o) => x.newOnes([2], o), "requires_grad", "requiresGrad"],
  ["newFull", (o) => x.newFull([2], 1, o), "requires_grad", "requiresGrad"],
  ["newEmpty", (o) => x.newEmpty([2], o), "requires_grad", "requiresGrad"],
  ["newTensor", (o) => x.newTensor([2], o), "requires_grad", "requiresGrad"],
];

const TENSOR: Row[] = [
  ["sum", (o) => x.sum(1, false, o), "d_type", "dtype"],
  ["mean", (o) => x.mean(1, false, o), "d_type", "dtype"],
  ["prod", (o) => x.prod(1, false, o), "d_type", "dtype"],
  ["norm", (o) => x.norm(2, 1, false, o), "d_type", "dtype"],
  ["aminmax", (o) => x.aminmax(o), "keepdim", "keepDim"],
  ["std", (o) => x.std(1, o), "keepdim", "keepDim"],
  ["var", (o) => x.var(1, o), "keepdim", "keepDim"],
  ["stdMean", (o) => x.stdMean(1, o), "keepdim", "keepDim"],
  ["varMean", (o) => x.varMean(1, o), "keepdim", "keepDim"],
  ["cumsum", (o) => x.cumsum(1, o), "d_type", "dtype"],
  ["cumprod", (o) => x.cumprod(1, o), "d_type", "dtype"],
  ["softmax", (o) => x.softmax(1, o), "d_type", "dtype"],
  ["logSoftmax", (o) => x.logSoftmax(1, o), "d_type", "dtype"],
  ["gelu", (o) => x.gelu(o), "approximation", "approximate"],
  ["add", (o) => x.add(x, o), "alphas", "alpha"],
  ["sub", (o) => x.sub(x, o), "alphas", "alpha"],
  ["rsub", (o) => x.rsub(x, o), "alphas", "alpha"],
  ["div", (o) => x.div(x, o), "rounding_mode", "roundingMode"],
  ["addcmul", (o) => x.addcmul(x, x, o), "values", "value"],
  ["addcdiv", (o) => x.addcdiv(x, x, o), "values", "value"],
  ["addmm", (o) => x.addmm(x, x, o), "betas", "beta"],
  ["addmv", (o) => x.addmv(x, x.select(0, 0), o), "betas", "beta"],
  ["addr", (o) => x.addr(x.select(0, 0), x.select(0, 0), o), "betas", "beta"],
  ["baddbmm", (o) => signal.baddbmm(T.ones([1, 3, 3]), signal, o), "betas", "beta"],
  ["addbmm", (o) => x.addbmm(T.ones([1, 2, 2]), T.ones([1, 2, 2]), o), "betas", "beta"],
  ["round", (o) => x.round(o), "decimal", "decimals"],
  ["isclose", (o) => x.isclose(x, o), "equal_nan", "equalNan"],
  ["allclose", (o) => x.allclose(x, o), "equal_nan", "equalNan"],
  ["unique", (o) => x.unique(o), "return_inverse", "returnInverse"],
  ["uniqueConsecutive", (o) => x.uniqueConsecutive(o), "return_counts", "returnCounts"],
  ["nonzero", (o) => x.nonzero(o), "as_tuple", "asTuple"],
  ["indexPut", (o) => x.indexPut([0], 1, o), "accumulates", "accumulate"],
  ["indexPut_", (o) => T.ones([2]).indexPut_([0], 1, o), "accumulates", "accumulate"],
  ["scatterReduce", (o) => x.scatterReduce(0, T.tensor([[0, 0]]), x, "sum", o), "include_self", "includeSelf"],
  ["indexAdd", (o) => x.indexAdd(0, classes, x, o), "alphas", "alpha"],
  ["quantile", (o) => x.quantile(0.5, 0, false, o), "interpolate", "interpolation"],
  ["nanquantile", (o) => x.nanquantile(0.5, 0, false, o), "interpolate", "interpolation"],
  ["to", (o) => x.to(o), "d_type", "dtype"],
  ["bernoulli", (o) => square.mul(0).bernoulli(o), "generators", "generator"],
  ["bernoulli_", (o) => T.ones([2]).bernoulli_(0.5, o), "generators", "generator"],
  ["uniform_", (o) => T.ones([2]).uniform_(0, 1, o), "generators", "generator"],
  ["normal_", (o) => T.ones([2]).normal_(0, 1, o), "generators", "generator"],
  ["random_", (o) => T.ones([2]).random_(0, 3, o), "generators", "generator"],
  ["exponential_", (o) => T.ones([2]).exponential_(1, o), "generators", "generator"],
  ["cauchy_", (o) => T.ones([2]).cauchy_(0, 1, o), "generators", "generator"],
  ["logNormal_", (o) => T.ones([2]).logNormal_(1, 2, o), "generators", "generator"],
  ["geometric_", (o) => T.ones([2]).geometric_(0.5, o), "generators", "generator"],
  ["multinomial", (o) => T.ones([2]).multinomial(1, o), "replacements", "replacement"],
  ["backward", (o) => leaf().sum().backward(null, o), "retain_graph", "retainGraph"],
  ["meshgrid", (o) => T.meshgrid([classes], o), "indexings", "indexing"],
  ["searchsorted", (o) => T.searchsorted(classes, classes, o), "rights", "right"],
  ["bucketize", (o) => T.bucketize(classes, classes, o), "rights", "right"],
  ["cholesky", (o) => T.linalg.cholesky(square, o), "uppers", "upper"],
  ["svd", (o) => T.linalg.svd(square, o), "full_matrices", "fullMatrices"],
  ["matrixRank", (o) => T.linalg.matrixRank(square, o), "r_tol", "rtol"],
  ["solve", (o) => T.linalg.solve(square, square, o), "lefts", "left"],
  ["pinv", (o) => T.linalg.pinv(square, o), "r_tol", "rtol"],
];

const RUNS: Row[] = [
  ["autograd.backward", (o) => T.autograd.backward(leaf().sum(), null, o), "retain_graph", "retainGraph"],
  ["autograd.grad", (o) => T.autograd.grad(leaf().sum(), [leaf()], o), "allow_unused", "allowUnused"],
  ["jacobian", (o) => T.autograd.functional.jacobian((t) => t, leaf(), o), "create_graph", "createGraph"],
  ["hessian", (o) => T.autograd.functional.hessian((t) => t.sum(), leaf(), o), "create_graph", "createGraph"],
  ["vjp", (o) => T.autograd.functional.vjp((t) => t.sum(), leaf(), undefined, o), "create_graph", "createGraph"],
  ["jvp", (o) => T.autograd.functional.jvp((t) => t, leaf(), leaf(), o), "create_graph", "createGraph"],
  ["hvp", (o) => T.autograd.functional.hvp((t) => t.sum(), leaf(), leaf(), o), "create_graph", "createGraph"],
  ["gradcheck", (o) => T.autograd.gradcheck((t) => t, leaf(), o), "raise_exception", "raiseException"],
  ["gradgradcheck", (o) => T.autograd.gradgradcheck((t) => t, leaf(), o), "raise_exception", "raiseException"],
  ["autocast", (o) => T.autocast(o, () => 1), "d_type", "dtype"],
  ["Event", (o) => new T.Event(o), "enable_timing", "enableTiming"],
  ["deviceReport", (o) => T.deviceReport(x, o), "devices", "device"],
  ["setPrintOptions", (o) => T.setPrintOptions(o), "sci_mode", "sciMode"],
  ["configureSessions", (o) => T.configureSessions(o), "mem_ory", "memory"],
  ["compileGraph", (o) => T.compileGraph({ inputs: [], outputs: {} }, o), "num_threads", "threads"],
];

const LAYERS: Row[] = [
  ["Linear", (o) => new nn.Linear(4, 3, o), "bais", "bias"],
  ["Bilinear", (o) => new nn.Bilinear(2, 2, 2, o), "bais", "bias"],
  ["Conv1d", (o) => new nn.Conv1d(1, 1, 1, o), "padding_mode", "paddingMode"],
  ["Conv2d", (o) => new nn.Conv2d(1, 1, 1, o), "padding_mode", "paddingMode"],
  ["Conv3d", (o) => new nn.Conv3d(1, 1, 1, o), "padding_mode", "paddingMode"],
  ["ConvTranspose1d", (o) => new nn.ConvTranspose1d(1, 1, 1, o), "output_padding", "outputPadding"],
  ["ConvTranspose2d", (o) => new nn.ConvTranspose2d(1, 1, 1, o), "output_padding", "outputPadding"],
  ["MaxPool1d", (o) => new nn.MaxPool1d(2, o), "ceil_mode", "ceilMode"],
  ["MaxPool2d", (o) => new nn.MaxPool2d(2, o), "return_indices", "returnIndices"],
  ["AvgPool1d", (o) => new nn.AvgPool1d(2, o), "count_include_pad", "countIncludePad"],
  ["AvgPool2d", (o) => new nn.AvgPool2d(2, o), "divisor_override", "divisorOverride"],
  ["AdaptiveMaxPool2d", (o) => new nn.AdaptiveMaxPool2d(2, o), "return_indices", "returnIndices"],
  ["BatchNorm1d", (o) => new nn.BatchNorm1d(2, o), "track_running_stats", "trackRunningStats"],
  ["InstanceNorm2d", (o) => new nn.InstanceNorm2d(2, o), "track_running_stats", "trackRunningStats"],
  ["LayerNorm", (o) => new nn.LayerNorm(2, o), "elementwise_affine", "elementwiseAffine"],
  ["RMSNorm", (o) => new nn.RMSNorm(2, o), "elementwise_affine", "elementwiseAffine"],
  ["GroupNorm", (o) => new nn.GroupNorm(1, 2, o), "affines", "affine"],
  ["LocalResponseNorm", (o) => new nn.LocalResponseNorm(2, o), "alphas", "alpha"],
  ["Embedding", (o) => new nn.Embedding(2, 2, o), "padding_idx", "paddingIdx"],
  ["Embedding.fromPretrained", (o) => nn.Embedding.fromPretrained(x, o), "padding_idx", "paddingIdx"],
  ["RNN", (o) => new nn.RNN(2, 2, o), "batch_first", "batchFirst"],
  ["LSTM", (o) => new nn.LSTM(2, 2, o), "num_layers", "numLayers"],
  ["GRU", (o) => new nn.GRU(2, 2, o), "num_layers", "numLayers"],
  ["GRU's call", (o) => new nn.GRU(2, 2)(x, undefined, o), "length", "lengths"],
  ["RNNCell", (o) => new nn.RNNCell(2, 2, o), "non_linearity", "nonlinearity"],
  ["LSTMCell", (o) => new nn.LSTMCell(2, 2, o), "bais", "bias"],
  ["MultiheadAttention", (o) => new nn.MultiheadAttention(2, 1, o), "batch_first", "batchFirst"],
  ["attention's call", (o) => new nn.MultiheadAttention(2, 1)(x, x, x, o), "attn_mask", "attnMask"],
  ["TransformerEncoderLayer", (o) => new nn.TransformerEncoderLayer(2, 1, o), "dim_feedforward", "dimFeedforward"],
  ["TransformerDecoderLayer", (o) => new nn.TransformerDecoderLayer(2, 1, o), "norm_first", "normFirst"],
  ["TransformerEncoder", (o) => new nn.TransformerEncoder(new nn.TransformerEncoderLayer(2, 1), 1, o), "norms", "norm"],
  ["Transformer", (o) => new nn.Transformer(o), "num_encoder_layers", "numEncoderLayers"],
  ["Upsample", (o) => new nn.Upsample(o), "scale_factor", "scaleFactor"],
  ["Unfold", (o) => new nn.Unfold(2, o), "dilations", "dilation"],
  ["Fold", (o) => new nn.Fold(3, 2, o), "dilations", "dilation"],
  ["GELU", (o) => new nn.GELU(o), "approximation", "approximate"],
  ["PReLU", (o) => new nn.PReLU(1, 0.25, o), "d_type", "dtype"],
  ["PairwiseDistance", (o) => new nn.PairwiseDistance(2, o), "keepdim", "keepDim"],
  ["MSELoss", (o) => new nn.MSELoss(o), "reductions", "reduction"],
  ["BCELoss", (o) => new nn.BCELoss(o), "weights", "weight"],
  ["NLLLoss", (o) => new nn.NLLLoss(o), "ignore_index", "ignoreIndex"],
  ["CrossEntropyLoss", (o) => new nn.CrossEntropyLoss(o), "label_smoothing", "labelSmoothing"],
  ["BCEWithLogitsLoss", (o) => new nn.BCEWithLogitsLoss(o), "pos_weight", "posWeight"],
  ["KLDivLoss", (o) => new nn.KLDivLoss(o), "log_target", "logTarget"],
  ["SmoothL1Loss", (o) => new nn.SmoothL1Loss(o), "betas", "beta"],
  ["HuberLoss", (o) => new nn.HuberLoss(o), "deltas", "delta"],
  ["PoissonNLLLoss", (o) => new nn.PoissonNLLLoss(o), "log_input", "logInput"],
  ["GaussianNLLLoss", (o) => new nn.GaussianNLLLoss(o), "fully", "full"],
  ["TripletMarginLoss", (o) => new nn.TripletMarginLoss(o), "swaps", "swap"],
  ["MarginRankingLoss", (o) => new nn.MarginRankingLoss(o), "margins", "margin"],
  ["loadStateDict", (o) => new nn.Linear(1, 1).loadStateDict({}, o), "stricts", "strict"],
  ["registerBuffer", (o) => new nn.Identity().registerBuffer("b", x, o), "persist_ent", "persistent"],
  ["buffer", (o) => nn.buffer(x, o), "persist_ent", "persistent"],
  ["summary", (o) => nn.summary(new nn.Linear(1, 1), [1], o), "d_type", "dtype"],
];

const FUNCTIONS: Row[] = [
  ["conv1d", (o) => F.conv1d(signal, kernels(1), null, o), "dilations", "dilation"],
  ["conv2d", (o) => F.conv2d(image, kernels(2), null, o), "dilations", "dilation"],
  ["conv3d", (o) => F.conv3d(volume, T.ones([1, 1, 2, 2, 2]), null, o), "dilations", "dilation"],
  ["convTranspose1d", (o) => F.convTranspose1d(signal, T.ones([3, 1, 2]), null, o), "output_padding", "outputPadding"],
  [
    "convTranspose2d",
    (o) => F.convTranspose2d(image, T.ones([3, 1, 2, 2]), null, o),
    "output_padding",
    "outputPadding",
  ],
  ["maxPool2d", (o) => F.maxPool2d(image, 2, o), "ceil_mode", "ceilMode"],
  ["avgPool1d", (o) => F.avgPool1d(signal, 2, o), "count_include_pad", "countIncludePad"],
  ["avgPool2d", (o) => F.avgPool2d(image, 2, o), "count_include_pad", "countIncludePad"],
  ["adaptiveMaxPool2d", (o) => F.adaptiveMaxPool2d(image, 2, o), "return_indices", "returnIndices"],
  ["interpolate", (o) => F.interpolate(image, o), "scale_factor", "scaleFactor"],
  ["unfold", (o) => F.unfold(image, 2, o), "dilations", "dilation"],
  ["fold", (o) => F.fold(T.ones([1, 4, 4]), 3, 2, o), "dilations", "dilation"],
  ["batchNorm", (o) => F.batchNorm(image, null, null, o), "momentums", "momentum"],
  ["instanceNorm", (o) => F.instanceNorm(image, o), "use_input_stats", "useInputStats"],
  ["localResponseNorm", (o) => F.localResponseNorm(image, 2, o), "alphas", "alpha"],
  ["normalize", (o) => F.normalize(x, o), "dims", "dim"],
  ["pairwiseDistance", (o) => F.pairwiseDistance(x, x, o), "keepdim", "keepDim"],
  ["gumbelSoftmax", (o) => F.gumbelSoftmax(x, 1, o), "hards", "hard"],
  ["gelu", (o) => F.gelu(x, o), "approximation", "approximate"],
  ["embedding", (o) => F.embedding(classes, x, o), "padding_idx", "paddingIdx"],
  ["scaledDotProductAttention", (o) => F.scaledDotProductAttention(image, image, image, o), "is_causal", "isCausal"],
  ["mseLoss", (o) => F.mseLoss(x, x, o), "reductions", "reduction"],
  ["l1Loss", (o) => F.l1Loss(x, x, o), "reductions", "reduction"],
  ["smoothL1Loss", (o) => F.smoothL1Loss(x, x, o), "betas", "beta"],
  ["huberLoss", (o) => F.huberLoss(x, x, o), "deltas", "delta"],
  ["poissonNllLoss", (o) => F.poissonNllLoss(x, x, o), "log_input", "logInput"],
  ["gaussianNllLoss", (o) => F.gaussianNllLoss(x, x, x, o), "fully", "full"],
  ["nllLoss", (o) => F.nllLoss(x, classes, o), "ignore_index", "ignoreIndex"],
  ["crossEntropy", (o) => F.crossEntropy(x, classes, o), "label_smoothing", "labelSmoothing"],
  ["binaryCrossEntropy", (o) => F.binaryCrossEntropy(x, x, o), "weights", "weight"],
  ["binaryCrossEntropyWithLogits", (o) => F.binaryCrossEntropyWithLogits(x, x, o), "pos_weight", "posWeight"],
  ["klDiv", (o) => F.klDiv(x, x, o), "log_target", "logTarget"],
  ["marginRankingLoss", (o) => F.marginRankingLoss(x, x, x, o), "margins", "margin"],
  ["hingeEmbeddingLoss", (o) => F.hingeEmbeddingLoss(x, x, o), "margins", "margin"],
  ["cosineEmbeddingLoss", (o) => F.cosineEmbeddingLoss(x, x, classes, o), "margins", "margin"],
  ["tripletMarginLoss", (o) => F.tripletMarginLoss(x, x, x, o), "swaps", "swap"],
  ["softMarginLoss", (o) => F.softMarginLoss(x, x, o), "reductions", "reduction"],
  ["multilabelSoftMarginLoss", (o) => F.multilabelSoftMarginLoss(x, x, o), "weights", "weight"],
  ["multiMarginLoss", (o) => F.multiMarginLoss(x, classes, o), "margins", "margin"],
  ["init.uniform_", (o) => init.uniform_(T.ones([2]), 0, 1, o), "generators", "generator"],
  ["init.normal_", (o) => init.normal_(T.ones([2]), 0, 1, o), "generators", "generator"],
  ["init.truncNormal_", (o) => init.truncNormal_(T.ones([2]), 0, 1, -2, 2, o), "generators", "generator"],
  ["init.xavierUniform_", (o) => init.xavierUniform_(T.ones([2, 2]), 1, o), "generators", "generator"],
  ["init.xavierNormal_", (o) => init.xavierNormal_(T.ones([2, 2]), 1, o), "generators", "generator"],
  ["init.kaimingUniform_", (o) => init.kaimingUniform_(T.ones([2, 2]), o), "non_linearity", "nonlinearity"],
  ["init.kaimingNormal_", (o) => init.kaimingNormal_(T.ones([2, 2]), o), "non_linearity", "nonlinearity"],
  ["init.orthogonal_", (o) => init.orthogonal_(T.ones([2, 2]), 1, o), "generators", "generator"],
  ["init.sparse_", (o) => init.sparse_(T.ones([2, 2]), 0.5, o), "generators", "generator"],
];

const TRAINING: Row[] = [
  ["SGD", (o) => new optim.SGD([leaf()], o), "weight_decay", "weightDecay"],
  ["AdamW", (o) => new optim.AdamW([leaf()], o), "weight_decay", "weightDecay"],
  ["RMSprop", (o) => new optim.RMSprop([leaf()], o), "weight_decay", "weightDecay"],
  ["Adagrad", (o) => new optim.Adagrad([leaf()], o), "lr_decay", "lrDecay"],
  ["addParamGroup", (o) => sgd().addParamGroup({ params: [leaf()], ...Object(o) }), "weight_decay", "weightDecay"],
  ["zeroGrad", (o) => sgd().zeroGrad(o), "set_to_none", "setToNone"],
  ["clipGradNorm_", (o) => optim.clipGradNorm_([leaf()], 1, o), "norm_type", "normType"],
  ["getTotalNorm", (o) => optim.getTotalNorm([leaf()], o), "error_if_nonfinite", "errorIfNonfinite"],
  ["GradScaler", (o) => new optim.GradScaler(o), "init_scale", "initScale"],
  ["LambdaLR", (o) => new lrScheduler.LambdaLR(sgd(), () => 1, o), "last_epoch", "lastEpoch"],
  ["StepLR", (o) => new lrScheduler.StepLR(sgd(), o), "step_size", "stepSize"],
  ["MultiStepLR", (o) => new lrScheduler.MultiStepLR(sgd(), o), "milestone", "milestones"],
  ["ConstantLR", (o) => new lrScheduler.ConstantLR(sgd(), o), "total_iters", "totalIters"],
  ["LinearLR", (o) => new lrScheduler.LinearLR(sgd(), o), "start_factor", "startFactor"],
  ["ExponentialLR", (o) => new lrScheduler.ExponentialLR(sgd(), o), "gammas", "gamma"],
  ["PolynomialLR", (o) => new lrScheduler.PolynomialLR(sgd(), o), "total_iters", "totalIters"],
  ["CosineAnnealingLR", (o) => new lrScheduler.CosineAnnealingLR(sgd(), o), "T_max", "tMax"],
  ["CosineAnnealingWarmRestarts", (o) => new lrScheduler.CosineAnnealingWarmRestarts(sgd(), o), "eta_min", "etaMin"],
  ["CyclicLR", (o) => new lrScheduler.CyclicLR(sgd(), o), "base_lr", "baseLr"],
  ["OneCycleLR", (o) => new lrScheduler.OneCycleLR(sgd(), o), "total_steps", "totalSteps"],
  ["SequentialLR", (o) => new lrScheduler.SequentialLR(sgd(), o), "milestone", "milestones"],
  ["ReduceLROnPlateau", (o) => new lrScheduler.ReduceLROnPlateau(sgd(), o), "threshold_mode", "thresholdMode"],
  ["EarlyStopping", (o) => new EarlyStopping(o), "min_delta", "minDelta"],
];

const DATA: Row[] = [
  ["DataLoader", (o) => new data.DataLoader([1], o), "batch_size", "batchSize"],
  ["RandomSampler", (o) => new data.RandomSampler([1], o), "num_samples", "numSamples"],
  ["SubsetRandomSampler", (o) => new data.SubsetRandomSampler([1], o), "generators", "generator"],
  ["WeightedRandomSampler", (o) => new data.WeightedRandomSampler([1], 1, o), "replacements", "replacement"],
  ["randomSplit", (o) => data.randomSplit([1, 2], [1, 1], o), "generators", "generator"],
  ["padCollate", (o) => data.padCollate(o), "padding_value", "paddingValue"],
  ["makeGrid", (o) => data.makeGrid(image, o), "pad_value", "padValue"],
  ["saveImage", (o) => data.saveImage(image, path("grid.png"), o), "pad_value", "padValue"],
  ["Resize", (o) => new transforms.Resize(2, o), "max_size", "maxSize"],
  ["Pad", (o) => new transforms.Pad(2, o), "padding_mode", "paddingMode"],
  ["RandomCrop", (o) => new transforms.RandomCrop(2, o), "pad_if_needed", "padIfNeeded"],
  ["RandomResizedCrop", (o) => new transforms.RandomResizedCrop(2, o), "scales", "scale"],
  ["RandomRotation", (o) => new transforms.RandomRotation(2, o), "expanded", "expand"],
  ["RandomErasing", (o) => new transforms.RandomErasing(o), "ratios", "ratio"],
  ["ColorJitter", (o) => new transforms.ColorJitter(o), "bright_ness", "brightness"],
  ["resize", (o) => transforms.functional.resize(image, 2, o), "max_size", "maxSize"],
  ["pad", (o) => transforms.functional.pad(image, 2, o), "padding_mode", "paddingMode"],
  ["rotate", (o) => transforms.functional.rotate(image, 90, o), "expanded", "expand"],
  ["ImageFolder", (o) => new datasets.ImageFolder(folder, o), "target_transform", "targetTransform"],
  ["MNIST", (o) => new datasets.MNIST(o), "target_transform", "targetTransform"],
  ["MNIST.open", (o) => datasets.MNIST.open(o), "base_url", "baseUrl"],
  ["FashionMNIST.download", (o) => datasets.FashionMNIST.download(folder, o), "base_url", "baseUrl"],
];

const FILES: Row[] = [
  ["load", (o) => serialize.load(path("x"), o), "devices", "device"],
  ["loadFile", (o) => serialize.loadFile(path("x"), o), "devices", "device"],
  ["loadNpy", (o) => serialize.loadNpy(path("x"), o), "devices", "device"],
  ["loadNpz", (o) => serialize.loadNpz(path("x"), o), "devices", "device"],
  ["loadSharded", (o) => serialize.loadSharded(path("x"), o), "devices", "device"],
  ["safeOpen", (o) => serialize.safeOpen(path("x"), o), "devices", "device"],
  ["saveNpz", (o) => serialize.saveNpz(path("x"), {}, o), "compress", "compressed"],
  ["saveSharded", (o) => serialize.saveSharded({}, path("x"), o), "max_shard_size", "maxShardSize"],
  ["saveModel", (o) => serialize.saveModel(new nn.Identity(), path("x"), o), "arg", "args"],
  ["loadModel", (o) => serialize.loadModel(path("x"), o), "class", "classes"],
];

const sizes = { vocab_size: 8, n_embd: 4, n_layer: 1, n_head: 1 };
const model = fromConfig({ model_type: "gpt2", architectures: ["GPT2LMHeadModel"], ...sizes }, new T.Generator(0));
const idle: Decoder = {
  maxLength: 8,
  start: () => ({ step: async () => [], keep: () => undefined }),
  dispose: () => {},
};
const words = { decode: () => "" };
const shift = (o: object) => shiftRight(T.tensor([[1]]), o as Given); // safe because the test is that it is refused

const GENERATION: Row[] = [
  ["TextStreamer", (o) => new TextStreamer(words, o), "skip_prompt", "skipPrompt"],
  ["makeDecoder", (o) => makeDecoder(model, o), "num_threads", "threads"],
  ["shiftRight", (o) => shift({ padTokenId: 0, ...Object(o) }), "decoder_start_token_id", "decoderStartTokenId"],
];

/** These share the options of one table, and tell of those of Python's that are not in it. */
const OF_GENERATION: Row[] = [
  ["generate", (o) => generate(idle, [], o).next(), "max_new_tokens", "maxNewTokens"],
  ["generateSequences", (o) => generateSequences(idle, [], o), "top_k", "topK"],
  ["generationSettings", (o) => generationSettings(o), "num_beams", "numBeams"],
  [
    "streamText",
    (o) => streamText(idle, words, [1], { skipPrompt: true, ...Object(o) }).next(),
    "do_sample",
    "doSample",
  ],
];

/** What a call throws, at once or later. */
async function refusal(call: (options: Given) => unknown, options: object): Promise<AbrazoError> {
  try {
    await call(options as Given); // safe because the test is that it is refused
  } catch (error) {
    if (error instanceof AbrazoError) return error;
    throw error;
  }
  throw new Error("the option was passed over");
}

describe("options by a name that there is not", () => {
  it.each([...CREATION, ...TENSOR, ...RUNS, ...LAYERS, ...FUNCTIONS, ...TRAINING, ...DATA, ...FILES, ...GENERATION])(
    "%s",
    async (_, call, theirs, ours) => {
      const unknown = await refusal(call, { nonsense: 1 });
      expect(["UNKNOWN_OPTION", "OPTIMIZER_OPTION"]).toContain(unknown.code);
      expect(unknown.message).toMatch(/^\w[\w.]*\(\) got an unexpected keyword argument 'nonsense'$/);
      expect(unknown.hint).toContain(ours);
      const near = await refusal(call, { [theirs]: 1 });
      expect(near.message).toContain(`'${theirs}'`);
      expect(near.hint).toMatch(`Did you mean "${ours}"?`);
      expect(near.hint).toContain("Valid names: ");
    },
  );

  it.each(OF_GENERATION)("%s", async (_, call, theirs, ours) => {
    const unknown = await refusal(call, { nonsense: 1 });
    expect(unknown).toMatchObject({ code: "UNKNOWN_OPTION", message: 'generate() has no option "nonsense".' });
    const near = await refusal(call, { [theirs]: 1 });
    expect(near.message).toContain(`"${theirs}"`);
    expect(near.hint).toContain(`Did you mean "${ours}"?`);
  });

  it.each<[string, unknown, string]>([
    ["a number", 3, "number"],
    ["nothing", null, "null"],
    ["a list", [1], "Array"],
    ["a tensor", x, "Tensor"],
    ["a generator", new T.Generator(0), "Generator"],
  ])("%s is no object of options", async (_, given, kind) => {
    const error = await refusal((o) => T.rand([2], o), given as object); // safe because the test is that it is refused
    expect(error).toMatchObject({ code: "BAD_OPTION" });
    expect(error.message).toContain(kind);
  });

  it("what an options object may not leave out is named", async () => {
    expect(await refusal((o) => new lrScheduler.StepLR(sgd(), o), {})).toMatchObject({
      code: "MISSING_OPTION",
      message: "StepLR() missing 1 required keyword argument: 'stepSize'",
    });
  });
});
