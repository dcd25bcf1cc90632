// The lab: a network that trains in the page, number for number the one that
// `networks.train` trains in Python. First the engine, which needs no page,
// then the view. One ES module without imports: JupyterLab gets it through
// anywidget, and a page holds it inline, without its `export`s.
//
// Long computations are generators. They yield about five times in a
// millisecond, so that whoever runs them can stop in time for the next frame.

// --- Activation functions: value at z, slope at z where the value is a. ------
// w is what PReLU learns. At a kink the slope is PyTorch's.

// Abramowitz and Stegun 7.1.6; all terms have one sign, so nothing cancels.
export function erf(x) {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x, sum = x;
  for (let n = 3; Math.abs(term) > 1e-17 * Math.abs(sum); n += 2)
    sum += term *= 2 * x * x / n;
  return 2 / Math.sqrt(Math.PI) * Math.exp(-x * x) * sum;
}

const sigmoid = z => {
  const e = Math.exp(-Math.abs(z));
  return (z >= 0 ? 1 : e) / (1 + e);
};
const softplus = z => Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));
const normal = z => 0.5 * (1 + erf(z * Math.SQRT1_2));
const SELU = 1.0507009873554805, SELU_BELOW = SELU * 1.6732632423543772;

export const ACTIVATIONS = {
  identity: [z => z, () => 1],
  sigmoid: [sigmoid, (z, a) => a * (1 - a)],
  tanh: [z => Math.tanh(z), (z, a) => 1 - a * a],
  relu: [z => z > 0 ? z : 0, z => z > 0 ? 1 : 0],
  leaky_relu: [z => z > 0 ? z : 0.01 * z, z => z > 0 ? 1 : 0.01],
  prelu: [(z, w) => z > 0 ? z : w * z, (z, a, w) => z > 0 ? 1 : w],
  elu: [z => z > 0 ? z : Math.expm1(z), (z, a) => z > 0 ? 1 : a + 1],
  selu: [z => z > 0 ? SELU * z : SELU_BELOW * Math.expm1(z),
         (z, a) => z > 0 ? SELU : a + SELU_BELOW],
  gelu: [z => z * normal(z), z => normal(z) +
         z * Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI)],
  silu: [z => z * sigmoid(z), z => {
    const s = sigmoid(z);
    return s * (1 + z * (1 - s));
  }],
  softplus: [softplus, sigmoid],
  mish: [z => z * Math.tanh(softplus(z)), z => {
    const t = Math.tanh(softplus(z));
    return t + z * sigmoid(z) * (1 - t * t);
  }],
  hardswish: [z => z * Math.min(Math.max(z + 3, 0), 6) / 6,
              z => z < -3 ? 0 : z <= 3 ? z / 3 + 0.5 : 1],
  relu6: [z => Math.min(Math.max(z, 0), 6), z => z > 0 && z < 6 ? 1 : 0],
  relu_squared: [z => z > 0 ? z * z : 0, z => z > 0 ? 2 * z : 0],
};

// --- NumPy's default_rng: SeedSequence, PCG64, its ziggurat, its shuffle. ----

const BITS_64 = (1n << 64n) - 1n, BITS_128 = (1n << 128n) - 1n;

// Where the ziggurat's tail begins, and the area of each of its 256 layers.
const TAIL = 3.6541528853610087963519472518, AREA = 0.004928673233974658;
const ZIGGURAT = (() => {
  const edge = new Float64Array(256), width = new Float64Array(256);
  const height = new Float64Array(256), m = 2 ** 52;
  const density = x => Math.exp(-x * x / 2);
  let x = TAIL;
  edge[0] = Math.floor(x * density(x) / AREA * m);
  width[0] = AREA / density(x) / m;
  height[0] = 1;
  width[255] = x / m;
  height[255] = density(x);
  for (let i = 254; i > 0; i--) {
    const next = Math.sqrt(-2 * Math.log(AREA / x + density(x)));
    edge[i + 1] = Math.floor(next / x * m);
    width[i] = next / m;
    height[i] = density(next);
    x = next;
  }
  return { edge, width, height };
})();

export class Rng {
  constructor(seed) {
    const { imul } = Math, pool = [seed >>> 0, 0, 0, 0];
    let h = 0x43b0d7e5;
    const hash = value => {
      value ^= h;
      h = imul(h, 0x931e8875);
      value = imul(value, h);
      return (value ^ value >>> 16) >>> 0;
    };
    for (let i = 0; i < 4; i++) pool[i] = hash(pool[i]);
    for (let i = 0; i < 4; i++) for (let j = 0; j < 4; j++) if (i !== j) {
      const mixed = imul(pool[j], 0xca01f9dd) -
                    imul(hash(pool[i]), 0x4973f715) | 0;
      pool[j] = (mixed ^ mixed >>> 16) >>> 0;
    }
    h = 0x8b51f9dd;
    const word = Array.from({ length: 8 }, (_, i) => {
      let value = pool[i % 4] ^ h;
      h = imul(h, 0x58f38ded);
      value = imul(value, h);
      return BigInt((value ^ value >>> 16) >>> 0);
    });
    const join = i => word[i + 1] << 96n | word[i] << 64n |
                      word[i + 3] << 32n | word[i + 2];
    this.increment = (join(4) << 1n | 1n) & BITS_128;
    this.state = this.increment + join(0) & BITS_128;
    this.move();
    this.half = null;
  }
  move() {
    this.state = this.state * 0x2360ed051fc65da44385df649fccf645n +
                 this.increment & BITS_128;
  }
  uint64() {
    this.move();
    const s = this.state, x = (s >> 64n ^ s) & BITS_64, turn = s >> 122n;
    return (x >> turn | x << (-turn & 63n)) & BITS_64;
  }
  // NumPy draws 64 bits for two numbers of 32, and keeps the upper half.
  uint32() {
    if (this.half !== null) {
      const kept = this.half;
      this.half = null;
      return kept;
    }
    const both = this.uint64();
    this.half = Number(both >> 32n);
    return Number(both & 0xffffffffn);
  }
  uniform() { return Number(this.uint64() >> 11n) / 2 ** 53; }
  normal() {
    const { edge, width, height } = ZIGGURAT;
    for (;;) {
      const bits = this.uint64(), i = Number(bits & 0xffn);
      const sign = bits >> 8n & 1n ? -1 : 1;
      const size = Number(bits >> 9n & 0xfffffffffffffn), x = size * width[i];
      if (size < edge[i]) return sign * x;
      if (i === 0) for (;;) {
        const beyond = -Math.log1p(-this.uniform()) / TAIL;
        const bar = -Math.log1p(-this.uniform());
        if (2 * bar > beyond * beyond)
          return (size / 256 & 1 ? -1 : 1) * (TAIL + beyond);
      }
      const step = height[i - 1] - height[i];
      if (step * this.uniform() + height[i] < Math.exp(-0.5 * x * x))
        return sign * x;
    }
  }
  permutation(n) {
    const order = Int32Array.from({ length: n }, (_, i) => i);
    for (let i = n - 1; i > 0; i--) {
      const mask = 2 ** Math.ceil(Math.log2(i + 1)) - 1;
      let j = n;
      while (j > i) j = (this.uint32() & mask) >>> 0;
      [order[i], order[j]] = [order[j], order[i]];
    }
    return order;
  }
}

// --- Data: x (n, features) row by row, and y (n,). ---------------------------

export const DATA = {
  spirals() {  // data.spirals(): 600 points, of which the last 120 test.
    const rng = new Rng(0), n = 600, x = new Float64Array(2 * n);
    const shares = Float64Array.from({ length: n }, () => rng.uniform());
    shares.forEach((share, i) => {
      const radius = 2 * Math.sqrt(share);
      const angle = 2 * Math.PI * (1.25 * radius / 2 + i % 2 / 2);
      x[2 * i] = radius * Math.cos(angle);
      x[2 * i + 1] = radius * Math.sin(angle);
    });
    for (let i = 0; i < 2 * n; i++) x[i] += 0.1 * rng.normal();
    return { n: 480, features: 2, outputs: 2, x: x.slice(0, 960),
             y: Float64Array.from({ length: 480 }, (_, i) => i % 2) };
  },
  curve() {  // data.curve(): 250 points, of which the last 50 test.
    const rng = new Rng(0);
    const x = Float64Array.from({ length: 250 }, () => 4 * rng.uniform() - 2);
    const y = x.map(value => Math.sin(2 * value) + 0.1 * rng.normal());
    return { n: 200, features: 1, outputs: 1, x: x.slice(0, 200),
             y: y.slice(0, 200) };
  },
  digits(text) {  // data.digits(n=600): "A" is 0, then the label.
    const n = text.length / 65, pixels = new Float64Array(64 * n);
    const y = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      y[i] = Number(text[65 * i + 64]);
      for (let j = 0; j < 64; j++)
        pixels[64 * i + j] = text.charCodeAt(65 * i + j) - 65;
    }
    const x = new Float64Array(64 * n);
    for (let j = 0; j < 64; j++) {
      let mean = 0, square = 0;
      for (let i = j; i < 64 * n; i += 64) mean += pixels[i];
      mean /= n;
      for (let i = j; i < 64 * n; i += 64) square += (pixels[i] - mean) ** 2;
      const deviation = Math.sqrt(square / n) || 1;
      for (let i = j; i < 64 * n; i += 64)
        x[i] = (pixels[i] - mean) / deviation;
    }
    return { n, features: 64, outputs: 10, x, y, pixels };
  },
};

// --- The network. Weights are (fan_in, fan_out) row by row, as in the book. --

// Multiplications between two looks at the clock.
const CHUNK = 1e5;
const BATCH = 32;

// Rows from to to of Z = X W + b.
function multiply(X, from, to, { p, q, W, b }, Z) {
  for (let i = from; i < to; i++) {
    const z = i * q;
    for (let j = 0; j < q; j++) Z[z + j] = b[j];
    for (let k = 0; k < p; k++) {
      const x = X[i * p + k], w = k * q;
      if (x === 0) continue;  // What ReLU switched off costs nothing.
      for (let j = 0; j < q; j++) Z[z + j] += x * W[w + j];
    }
  }
}

// The same rows' part in the gradients of W and b, and, if wanted, E = D W'.
function multiplyBack(X, from, to, { p, q, W, gW, gb }, D, E) {
  for (let i = from; i < to; i++) {
    const d = i * q;
    for (let j = 0; j < q; j++) gb[j] += D[d + j];
    for (let k = 0; k < p; k++) {
      const x = X[i * p + k], w = k * q;
      if (x !== 0) for (let j = 0; j < q; j++) gW[w + j] += x * D[d + j];
      if (!E) continue;
      let sum = 0;
      for (let j = 0; j < q; j++) sum += D[d + j] * W[w + j];
      E[i * p + k] = sum;
    }
  }
}

function* inChunks(n, { p, q }, work) {
  const rows = Math.ceil(CHUNK / (p * q));
  for (let from = 0; from < n; from += rows) {
    work(from, Math.min(n, from + rows));
    yield;
  }
}

// What n samples make of the layers: Z enters the function and A leaves it,
// O is the layer's output, H is Z before batch normalisation's scale and
// shift, of which the raw values had the given mean and deviation.
export class Pass {
  constructor({ sizes, residual, batchNorm }, n) {
    const room = rows => sizes.slice(1).map(q => new Float64Array(rows * q));
    this.Z = room(n);
    this.A = room(n);
    this.O = residual ? this.A.map((A, l) => l ? A.slice() : A) : this.A;
    this.H = batchNorm ? room(n) : [];
    this.mean = room(1);
    this.deviation = room(1);
  }
}

function moments(Z, n, q, mean, deviation) {
  mean.fill(0);
  deviation.fill(0);
  for (let i = 0; i < n * q; i++) mean[i % q] += Z[i] / n;
  for (let i = 0; i < n * q; i++)
    deviation[i % q] += (Z[i] - mean[i % q]) ** 2 / n;
  for (let j = 0; j < q; j++) deviation[j] = Math.sqrt(deviation[j] + 1e-5);
}

// What a layer may learn; its gradient has the same name after a g.
const PARTS = ["W", "b", "w", "scale", "shift"];

export class Net {
  constructor(settings, { features, outputs }) {
    const { depth, width, activation } = settings;
    this.sizes = [features, ...Array(depth).fill(width), outputs];
    this.residual = settings.residual;
    this.batchNorm = settings.batch_norm;
    this.optimizer = settings.optimizer;
    this.classes = outputs > 1;
    [this.f, this.slope] = ACTIVATIONS[activation];
    this.time = 0;
    this.layers = this.sizes.slice(1).map((q, l) => {
      const p = this.sizes[l], hidden = l < depth;
      const layer = { p, q, W: new Float64Array(p * q),
                      b: new Float64Array(q) };
      if (hidden && activation === "prelu") layer.w = new Float64Array([0.25]);
      if (hidden && this.batchNorm)
        Object.assign(layer, { scale: new Float64Array(q).fill(1),
                               shift: new Float64Array(q) });
      for (const name of PARTS)
        if (layer[name]) layer["g" + name] = new Float64Array(
          layer[name].length);
      return layer;
    });
    this.batch = new Pass(this, BATCH);
    this.D = this.sizes.map(q => new Float64Array(BATCH * q));
    this.skip = new Float64Array(BATCH * width);
    // Under batch normalisation a bias has no effect.
    this.trained = this.layers.flatMap(layer => PARTS.filter(name =>
        layer[name] && !(name === "b" && layer.scale)).map(name => ({
        value: layer[name], gradient: layer["g" + name],
        mean: new Float64Array(layer[name].length),
        square: new Float64Array(layer[name].length) })));
  }
  // As networks.initialise: all weights are drawn before any bias.
  *initialise(rng, { weight_init, bias_init }) {
    for (const { p, q, W } of this.layers) {
      const c = { default: 1 / 3, he: 2, xavier: 2 * p / (p + q) }[weight_init]
        ?? weight_init;
      const scale = Math.sqrt(c / p);
      for (let i = 0; i < p * q; i++) {
        W[i] = scale * (weight_init === "default"
          ? Math.sqrt(3) * (2 * rng.uniform() - 1) : rng.normal());
        if (i % 100 === 99) yield;
      }
    }
    for (const { p, b } of this.layers)
      for (let j = 0; j < b.length; j++)
        b[j] = bias_init === "default"
          ? (2 * rng.uniform() - 1) / Math.sqrt(p) : bias_init;
  }
  // The outputs stand in the last Z. Batch normalisation takes the moments of
  // these samples, or those of another pass.
  *forward(X, n, pass, moment = null) {
    const last = this.layers.length - 1, { f } = this;
    for (const [l, layer] of this.layers.entries()) {
      const Z = pass.Z[l], A = pass.A[l], O = pass.O[l], { q } = layer;
      yield* inChunks(n, layer, (from, to) =>
        multiply(X, from, to, layer, Z));
      if (l === last) return;
      if (layer.scale) {
        if (!moment) moments(Z, n, q, pass.mean[l], pass.deviation[l]);
        const { mean, deviation } = moment ?? pass, H = pass.H[l];
        for (let i = 0; i < n * q; i++) {
          const j = i % q;
          H[i] = (Z[i] - mean[l][j]) / deviation[l][j];
          Z[i] = layer.scale[j] * H[i] + layer.shift[j];
        }
      }
      const w = layer.w?.[0];
      for (let i = 0; i < n * q; i++) A[i] = f(Z[i], w);
      if (O !== A) for (let i = 0; i < n * q; i++) O[i] = X[i] + A[i];
      X = O;
    }
  }
  // The mean loss and how many of n answers are right; in D, if it is given,
  // the gradient with respect to the outputs.
  judge(outputs, y, n, D = null) {
    const q = this.sizes.at(-1);
    let sum = 0, right = 0;
    for (let i = 0; i < n; i++) {
      if (!this.classes) {
        const error = outputs[i] - y[i];
        sum += error * error;
        if (D) D[i] = 2 * error / n;
        continue;
      }
      const at = i * q;
      let best = 0, total = 0;
      for (let j = 1; j < q; j++)
        if (outputs[at + j] > outputs[at + best]) best = j;
      const top = outputs[at + best];
      for (let j = 0; j < q; j++) total += Math.exp(outputs[at + j] - top);
      if (D) for (let j = 0; j < q; j++)
        D[at + j] = (Math.exp(outputs[at + j] - top) / total -
                     (j === y[i] ? 1 : 0)) / n;
      sum += Math.log(total) + top - outputs[at + y[i]];
      right += best === y[i];
    }
    return { loss: sum / n, right };
  }
  *step(X, y, n, rate) {
    const { batch, D, skip, slope, layers } = this, last = layers.length - 1;
    yield* this.forward(X, n, batch);
    this.judge(batch.Z[last], y, n, D[last + 1]);
    for (let l = last; l >= 0; l--) {
      const layer = layers[l], E = D[l + 1], { q } = layer;
      for (const name of PARTS) layer["g" + name]?.fill(0);
      const skips = this.residual && l > 0 && l < last;
      if (skips) skip.set(E);
      if (l < last) {
        const Z = batch.Z[l], A = batch.A[l], w = layer.w?.[0];
        for (let i = 0; i < n * q; i++) {
          if (layer.w && !(Z[i] > 0)) layer.gw[0] += E[i] * Z[i];
          E[i] *= slope(Z[i], A[i], w);
        }
      }
      if (layer.scale) this.backThroughNorm(l, n, E);
      const input = l ? batch.O[l - 1] : X, before = l ? D[l] : null;
      yield* inChunks(n, layer, (from, to) =>
        multiplyBack(input, from, to, layer, E, before));
      if (skips) for (let i = 0; i < n * q; i++) before[i] += skip[i];
    }
    this.time++;
    for (const parameter of this.trained) {
      this.update(parameter, rate);
      yield;
    }
  }
  // E becomes the gradient with respect to what was normalised.
  backThroughNorm(l, n, E) {
    const { q, scale, gscale, gshift } = this.layers[l];
    const H = this.batch.H[l], deviation = this.batch.deviation[l];
    for (let i = 0; i < n * q; i++) {
      gscale[i % q] += E[i] * H[i];
      gshift[i % q] += E[i];
    }
    for (let i = 0; i < n * q; i++) {
      const j = i % q;
      E[i] = scale[j] / deviation[j] *
             (E[i] - (gshift[j] + H[i] * gscale[j]) / n);
    }
  }
  update({ value, gradient, mean, square }, rate) {
    const n = value.length;
    if (this.optimizer === "adam") {
      const first = 1 - 0.9 ** this.time, second = 1 - 0.999 ** this.time;
      for (let i = 0; i < n; i++) {
        const g = gradient[i];
        mean[i] += (1 - 0.9) * (g - mean[i]);
        square[i] = 0.999 * square[i] + (1 - 0.999) * g * g;
        value[i] -= rate * (mean[i] / first /
                            (Math.sqrt(square[i] / second) + 1e-8));
      }
    } else if (this.optimizer === "momentum") {
      for (let i = 0; i < n; i++) {
        mean[i] = 0.9 * mean[i] + gradient[i];
        value[i] -= rate * mean[i];
      }
    } else for (let i = 0; i < n; i++) value[i] -= rate * gradient[i];
  }
}

// --- A run: a network, its data, and what became of every unit. --------------

const MOST_COLUMNS = 400;

const made = {};

export class Run {
  constructor(settings, digits) {
    this.settings = settings;
    const data = this.data = made[settings.dataset] ??=
      DATA[settings.dataset](digits);
    this.net = new Net(settings, data);
    this.rng = new Rng(settings.seed);
    this.all = new Pass(this.net, data.n);
    this.units = settings.depth * settings.width;
    this.dies = DYING.includes(settings.activation);
    this.deaths = new Int32Array(this.units);
    this.revivals = new Int32Array(this.units);
    this.on = new Int32Array(this.units);  // For how many samples each is on.
    this.story = Array.from({ length: this.units }, () => []);
    this.norms = Array(settings.depth + 1).fill(NaN);
    this.X = new Float64Array(BATCH * data.features);
    this.y = new Float64Array(BATCH);
    // Each stride steps a column of the map and a point of the loss.
    Object.assign(this, { step: 0, at: data.n, order: null, loss: NaN,
                          right: 0, losses: [], columns: [], stride: 1,
                          acts: [] });
  }
  *begin() {
    yield* this.net.initialise(this.rng, this.settings);
    yield* this.look(false);
  }
  // Pass all samples through; after a step, compare every unit with before.
  *look(stepped = true) {
    const { net, data, all, units, on: before, settings: { width } } = this;
    const on = new Int32Array(units);
    yield* net.forward(data.x, data.n, all);
    for (let l = 0; l * width < units; l++) {
      const Z = all.Z[l];
      for (let i = 0; i < data.n * width; i++)
        if (Z[i] > 0) on[l * width + i % width]++;
      yield;
    }
    // Without an activation every unit passes all on.
    if (this.settings.activation === "identity") on.fill(data.n);
    // From here on nothing yields: what is told is of one step.
    Object.assign(this, net.judge(all.Z.at(-1), data.y, data.n), { on });
    if (stepped) this.step++;
    for (let u = 0; u < units; u++) {
      if (!stepped || !this.dies || !on[u] === !before[u]) continue;
      (on[u] ? this.revivals : this.deaths)[u]++;
      this.story[u].push(`${on[u] ? "revived" : "died"} at step ${this.step}`);
    }
    if (this.step % this.stride) return;
    // 0 is on for no sample, 255 for all.
    this.columns[this.step / this.stride] = Uint8Array.from(on, count =>
      count === data.n ? 255 : count && 1 + 253 * count / data.n);
    this.losses[this.step / this.stride] = this.loss;
    if (this.columns.length <= MOST_COLUMNS) return;
    const even = list => list.filter((_, i) => i % 2 === 0);
    this.columns = even(this.columns);
    this.losses = even(this.losses);
    this.stride *= 2;
  }
  *advance() {
    const { data, X, y, net } = this, p = data.features;
    if (this.at >= data.n) {
      this.order = this.rng.permutation(data.n);
      this.at = 0;
    }
    const n = Math.min(BATCH, data.n - this.at);
    for (let i = 0; i < n; i++) {
      const k = this.order[this.at + i];
      for (let j = 0; j < p; j++) X[i * p + j] = data.x[k * p + j];
      y[i] = data.y[k];
    }
    this.at += n;
    yield* net.step(X, y, n, this.settings.learning_rate);
    yield* this.look();
    this.norms = net.layers.map(({ gW }) =>
      Math.sqrt(gW.reduce((sum, g) => sum + g * g, 0)));
  }
  // By hand: move a unit's hinge beyond all samples, or amid them.
  *act(kind, l, u) {
    const { width } = this.settings, { n } = this.data, Z = this.all.Z[l];
    const z = Float64Array.from({ length: n }, (_, i) => Z[i * width + u]);
    z.sort();
    const layer = this.net.layers[l], offset = layer.shift ?? layer.b;
    offset[u] -= kind === "kill" ? z[n - 1] + 0.1 * (z[n - 1] - z[0]) + 1e-3
                                 : (z[n / 2 - 1] + z[n / 2]) / 2;
    this.acts.push([this.step, kind, l, u]);
    this.story[l * width + u].push(`${kind === "push" ? "pushed"
      : this.dies ? "killed" : "lowered"} at step ${this.step}`);
    yield* this.look(false);
  }
  layer(l) {
    const { width } = this.settings, from = l * width;
    const sum = { dead: 0, born: 0, always: 0, deaths: 0, revivals: 0 };
    for (let u = from; u < from + width; u++) {
      sum.dead += this.on[u] === 0;
      // Dead from the start: nothing has become of it.
      sum.born += this.on[u] === 0 && !this.story[u].length;
      sum.always += this.on[u] === this.data.n;
      sum.deaths += this.deaths[u];
      sum.revivals += this.revivals[u];
    }
    return { ...sum, norm: this.norms[l] };
  }
}

// --- The view. ---------------------------------------------------------------

// Milliseconds of work in a frame, painting included.
const BUDGET = 7;
const NAMES = {
  identity: "none (identity)", sigmoid: "sigmoid", tanh: "tanh", relu: "ReLU",
  leaky_relu: "Leaky ReLU", prelu: "PReLU", elu: "ELU", selu: "SELU",
  gelu: "GELU", silu: "SiLU (Swish)", softplus: "softplus", mish: "Mish",
  hardswish: "Hardswish", relu6: "ReLU6", relu_squared: "ReLU²",
};
// Off means without gradient for these, and a bend at 0 for the latter.
// No others can die.
const DYING = ["relu", "relu6", "relu_squared"];
const BENT = ["relu", "leaky_relu", "prelu", "relu6", "elu", "selu"];
// What units are whose z is positive for no point, for some, for all.
const words = activation => DYING.includes(activation)
  ? ["dead: on for no point", "on for some", "on for all points"]
  : activation === "identity"
    ? ["off: none", "on for some", "on for all points"]
    : [`${activation === "leaky_relu" ? "on the small slope" : "below 0"
      } for all points`, "for some", "for none"];
const SPEEDS = { ...Object.fromEntries([2, 10, 60].map(
  steps => [steps, `${steps} steps a second`])), Infinity: "full speed" };

const count = (from, to) =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);
const RATES = count(-4, 0).flatMap(power => [1, 1.5, 2, 3, 5, 7].map(
  digit => Number(`${digit}e${power}`))).concat(10);
const SCALES = count(-26, 26).map(i => Number((10 ** (i / 20)).toPrecision(2)));

// What a reader can set: a menu, a slider over values, a number or a tick.
const CONTROLS = {
  dataset: { label: "data", menu: { spirals: "two spirals",
    curve: "a curve", digits: "digits, 8 × 8" } },
  activation: { label: "activation", menu: NAMES },
  depth: { label: "hidden layers", slider: count(1, 30) },
  width: { label: "units a layer", slider: count(2, 64) },
  weight_init: { label: "first weights", menu: { default: "PyTorch’s",
    he: "He’s", xavier: "Xavier’s", scale: "normal, c / fan-in" } },
  scale: { label: "weight scale c", slider: SCALES },
  bias_init: { label: "first biases", menu: Object.fromEntries([["default",
    "PyTorch’s"], ...[-2, -1, -0.5, 0, 0.1, 0.5, 1].map(v => [v, minus(v)])])
  },
  optimizer: { label: "optimiser", menu: { sgd: "SGD",
    momentum: "SGD with momentum", adam: "Adam" } },
  learning_rate: { label: "learning rate", slider: RATES },
  batch_norm: { label: "batch normalisation", tick: true },
  residual: { label: "residual connections", tick: true },
  seed: { label: "seed", number: [0, 2 ** 32 - 1] },
  steps: { label: "pause at step", number: [0, 1e6] },
};

function minus(value) { return String(value).replace("-", "−"); }

const many = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;

function short(value) {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (value === 0 || size >= 0.001 && size < 10000)
    return minus(Number(value.toPrecision(size < 0.1 ? 2 : 3)));
  const [digits, power] = value.toExponential(1).split("e");
  return `${minus(digits)} × 10${power.replace("+", "").replace(/./g,
    sign => "⁰¹²³⁴⁵⁶⁷⁸⁹"[sign] ?? "⁻")}`;
}

// Return an address's or a page's settings, or throw what is wrong with them.
export function checked(settings) {
  for (const [name, value] of Object.entries(settings)) {
    const { menu, slider, number, tick } = CONTROLS[name] ?? {};
    const any = Number.isFinite(value);
    const fits = name === "bias_init" && any || any && value > 0 &&
      ["weight_init", "learning_rate"].includes(name) ||
      tick && typeof value === "boolean" ||
      menu && value !== "scale" && Object.hasOwn(menu, value) ||
      slider && name !== "scale" && slider.includes(value) ||
      number && Number.isInteger(value) && value >= number[0] &&
        value <= number[1];
    if (fits) continue;
    const [low, high] = number ?? [slider?.[0], slider?.at(-1)];
    throw new Error(!CONTROLS[name] || name === "scale"
      ? `There is no setting “${name}”; there is, for example, depth=3.`
      : `${name} cannot be “${value}”; it can be ${
        menu ? Object.keys(menu).filter(key => key !== "scale").join(", ")
          : tick ? "true or false" : name === "learning_rate" ? "0.1, say"
            : `${low} to ${high}`}.`);
  }
  return settings;
}

// The call of networks.train that repeats it, as `Lab.python` writes it.
export function python(settings, steps) {
  const [samples, made] = { spirals: [480, "spirals()"],
    curve: [200, "curve()"], digits: [600, "digits(n=600)"] }[settings.dataset];
  const text = value => typeof value === "string" ? `"${value}"`
    : typeof value === "boolean" ? value ? "True" : "False" : value;
  const { depth, width, seed, learning_rate } = settings;
  const given = ["optimizer", "weight_init", "bias_init", "batch_norm",
                 "residual"].map(name => `${name}=${text(settings[name])}`);
  const lines = [`data.${made}`, `activation=${text(settings.activation)}`,
    `widths=${depth} * (${width},)`, `seeds=[${seed}]`,
    `learning_rates=${learning_rate}`,
    `epochs=${Math.ceil(steps / Math.ceil(samples / BATCH))}`, ...given,
    `snapshots=[${steps}]`].map(line => `    ${line},\n`);
  return "from utils import data, networks\n\nresult = networks.train(\n" +
    `${lines.join("")})\ntrained = result.snapshots[${steps}]`;
}

function control(name) {
  const { label, menu, slider, number } = CONTROLS[name];
  const field = menu ? `<select name="${name}">${Object.entries(menu).map(
    ([value, text]) => `<option value="${value}">${text}</option>`).join("")
  }</select>`
    : slider ? `<input type="range" name="${name}" min="0" max="${
      slider.length - 1}"><output></output>`
      : number ? `<input type="number" name="${name}" min="${number[0]}" max="${
        number[1]}" required>`
        : `<input type="checkbox" name="${name}">`;
  return `<label><span>${label}</span>${field}</label>`;
}

const PANELS = {
  answer: `<figure><canvas class="lab-answer" role="img"></canvas>
<figcaption></figcaption></figure>`,
  loss: `<figure><svg class="lab-loss" role="img" width="300" height="300"
viewBox="0 0 300 300"></svg>
<figcaption>Loss on all points, after each step</figcaption></figure>`,
  unit: `<figure><canvas class="lab-unit" role="img"></canvas>
<figcaption><span class="lab-shows"></span><span
class="lab-pick"><label>layer <input type="number"
name="layer" min="1" value="1"></label> <label>unit <input type="number"
name="unit" min="1" value="1"></label></span><p class="lab-about">&nbsp;</p>
<span class="lab-pick"><button type="button" data-do="kill"
title="Lowers its bias until z is below 0 for all points"></button> <button type="button" data-do="push"
title="Moves its bias until z is above 0 for half of them">Push it</button></span></figcaption>
</figure>`,
};
const MAP = `<figure><canvas class="lab-map" role="img"></canvas><figcaption>
Units (rows, by layer) after each step (columns):
${["off", "some", "always"].map(state => `<span
class="lab-key lab-${state}"></span>&nbsp;<span class="lab-word"></span>`).join(
  ", ")}.</figcaption>
</figure>`;
const LAYERS = `<table><thead><tr><th scope="col">layer</th><th
scope="col"></th><th scope="col"></th><th scope="col">deaths</th>
<th scope="col">revivals</th><th scope="col">gradient<span
class="lab-axis" aria-hidden="true"><span>10⁻¹²</span><span>10²</span
></span></th></tr></thead><tbody></tbody></table>`;

// Where no unit is shown, little is said of them.
const small = views => !["unit", "map", "layers"].some(
  view => views.includes(view));
const form = controls => `<form class="lab-form">${controls.flatMap(name =>
  name === "weight_init" ? [name, "scale"] : name).map(control).join("")
}</form>`;
const page = ({ name, presets, views, controls }) => `
${presets[0]?.title ? `<p class="lab-presets">Try: ${presets.map(
  ({ key, title }) => `<a href="#${name}&amp;preset=${key}" data-key="${key}">${
    title}</a>`).join(" ")}</p><p class="lab-look"></p>` : ""}
<div class="lab-actions" role="group" aria-label="Training">
<button type="button" data-do="play">Play</button>
<button type="button" data-do="once">Step</button>
<button type="button" data-do="reset">Reset</button>
<label><span>speed</span> <select class="lab-speed">${Object.entries(SPEEDS)
  .map(([value, text]) => `<option value="${value}">${text}</option>`)
  .join("")}</select></label></div>
${controls.length < 3 ? form(controls) : `<details
class="lab-settings"><summary>Settings</summary>${form(controls)}
<div class="lab-actions">
<button type="button" data-do="copyLink">Copy the address</button>
<button type="button" data-do="copyPython">Copy as Python</button>
</div><pre class="lab-copied" tabindex="0" hidden></pre></details>`}
<p class="lab-readout${small(views) ? " lab-small" : ""}"></p>
<p class="lab-aloud" aria-live="polite"></p>
<div class="lab-panels">${["answer", "loss", "unit"].filter(
  view => views.includes(view)).map(view => PANELS[view]).join("")}</div>
<div class="lab-units">${views.includes("map") ? MAP : ""}${
  views.includes("layers") ? LAYERS : ""}</div>`;

const STYLE = `
.lab { --lab-ink: var(--pst-color-text-base, var(--jp-content-font-color1,
    CanvasText));
  --lab-line: color-mix(in srgb, var(--lab-ink) 40%, transparent);
  --lab-dead: #c44e00; --lab-below: #009e73; --lab-off: var(--lab-dead);
  --lab-some: #b8b8b8; --lab-always: #0067a5;
  --lab-circle: #b58900; --lab-square: #6a3d9a;
  color: var(--lab-ink); container-type: inline-size;
  font-variant-numeric: tabular-nums; margin: 1.5rem 0;
  scroll-margin-top: 5rem; }
.lab-undying { --lab-off: var(--lab-below); }
.lab-undying tr > :is(:nth-child(4), :nth-child(5)) { display: none; }
.lab-night { --lab-dead: #f08030; --lab-below: #3fbf95; --lab-some: #585858; --lab-always: #4fa8e0;
  --lab-circle: #e0b040; --lab-square: #b48ae0; }
.lab p { margin: .5rem 0; }
.lab button, .lab select, .lab input[type=number] { background: none;
  border: 1px solid var(--lab-line); border-radius: 4px; box-sizing: border-box;
  color: inherit; font: inherit; min-height: 2.25rem; padding: 0 .6rem; }
.lab option { background: Canvas; color: CanvasText; }
.lab [hidden] { display: none; }
.lab [aria-current=true], .lab summary, .lab [data-do=play] {
  font-weight: 600; }
.lab summary { min-height: 2rem; }
.lab-presets, .lab-actions, .lab-pick { align-items: center; display: flex;
  flex-wrap: wrap; gap: .5rem; margin: .5rem 0; }
.lab [data-do=play] { min-width: 5rem; }
.lab-form { display: grid; gap: .25rem 1.5rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 17rem), 1fr)); }
.lab-form label { align-items: center; display: grid; gap: .5rem;
  grid-template-columns: 8rem minmax(0, 1fr) auto; min-height: 2.25rem; }
.lab output { min-width: 3rem; text-align: right; }
.lab input { accent-color: var(--lab-always); min-width: 0; }
.lab input[type=checkbox] { height: 1.5rem; width: 1.5rem; }
.lab .lab-pick input { width: 3.5rem; }
.lab-copied { background: none; border: 1px solid var(--lab-line);
  color: inherit; font-size: .8em; padding: .5rem; overflow-wrap: anywhere;
  white-space: pre-wrap; }
.lab-readout { line-height: 1.3; min-height: 7.8em; }
.lab .lab-small { min-height: 3.9em; }
.lab-about { min-height: 2.6em; }
.lab-aloud { clip-path: inset(50%); height: 1px; overflow: clip;
  position: absolute; width: 1px; }
.lab-panels, .lab-units { display: grid; gap: 1rem;
  grid-template-columns: minmax(0, 1fr); margin-top: 1rem; }
.lab figure { margin: 0 !important; min-width: 0; padding: 0 !important; }
.lab figcaption, .lab table { color: inherit; font-size: .8em;
  line-height: 1.3; text-align: left; }
.lab canvas, .lab svg { border: 1px solid var(--lab-line);
  box-sizing: border-box; display: block; width: 100%; }
.lab-panels :is(canvas, svg) { aspect-ratio: 1; max-width: 26rem; }
.lab-map { cursor: pointer; }
.lab-loss text { fill: currentColor; font-size: 14px; }
.lab-loss polyline { fill: none; stroke: currentColor; stroke-width: 2; }
.lab-loss line { stroke: var(--lab-line); }
.lab-key { display: inline-block; height: .8em; width: .8em; }
.lab-off { background: var(--lab-off); }
.lab-some { background: var(--lab-some); }
.lab-always { background: var(--lab-always); }
.lab table { border-collapse: collapse; margin: 0; width: 100%; }
.lab tr:nth-child(n) { background: none; }
.lab table td, .lab table th { border: 0; padding: 0 .2rem;
  text-align: right; }
.lab thead tr { height: 2.8rem; }
.lab thead th { vertical-align: bottom; }
.lab th:last-child { width: 30%; }
.lab tbody tr { border-top: 1px solid var(--lab-line); height: 1.75rem; }
.lab-axis { display: flex; justify-content: space-between; }
.lab-bar { background: color-mix(in srgb, var(--lab-ink) 12%, transparent);
  display: block; }
.lab-bar i { background: var(--lab-ink); display: block; height: .4em; }
@container (max-width: 21rem) { .lab-axis { display: none; }
  .lab table { font-size: .7em; }
  .lab table td, .lab table th { padding: 0 .1rem; } }
@container (min-width: 26rem) { .lab-readout { min-height: 5.2em; }
  .lab .lab-small { min-height: 2.6em; }
  .lab-panels { grid-template-columns: repeat(auto-fit, minmax(12rem, 1fr)); } }
@container (min-width: 38rem) { .lab-readout { min-height: 3.9em; }
  .lab-units:has(canvas):has(table) { align-items: start;
    grid-template-columns: minmax(0, 5fr) minmax(0, 6fr); }
  .lab-units:has(table) .lab-map { margin-top: 2.8rem; }
  .lab-units:has(canvas) tbody tr { height: var(--lab-row); } }
@media print { .lab-presets, .lab-actions, .lab form, .lab summary, .lab-pick,
  .lab-aloud { display: none; } }`;

const rgb = hex => [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16));
const css = color => `rgb(${color.map(Math.round)})`;
const mix = (a, b, share) => a.map((v, i) => v + share * (b[i] - v));
// As a canvas keeps a pixel: alpha, blue, green, red.
const pack = ([r, g, b]) => (255 << 24 | b << 16 | g << 8 | r) >>> 0;

class View {
  constructor(root, lab, { address, digits, report }) {
    Object.assign(this, { root, lab, address, digits, report, goal: 0,
      owed: 0, cost: 2, spoken: 0, pictured: 0, told: 0, visible: true,
      picked: [0, 0] });
    root.classList.add("lab");
    root.setAttribute("role", "group");
    root.setAttribute("aria-label", "Lab: a network that trains here");
    root.innerHTML = `<style>${STYLE}</style>${page(lab)}`;
    this.small = document.createElement("canvas");
    this.strip = document.createElement("canvas");
    if (this.$(".lab-settings"))
      this.$(".lab-settings").open = root.clientWidth >= 600;
    this.$(".lab-speed").value = 60;
    root.addEventListener("click", event => this.clicked(event));
    root.addEventListener("input", event => this.changed(event));
    this.$("form").addEventListener("submit", event => event.preventDefault());
    const redraw = () => { this.colours = null; this.wake(); };
    const size = new ResizeObserver(redraw);
    const theme = new MutationObserver(redraw);
    const sight = new IntersectionObserver(([{ isIntersecting }]) => {
      this.visible = isIntersecting;
      this.wake();
    });
    size.observe(root);
    sight.observe(root);
    for (const node of [document.documentElement, document.body])
      theme.observe(node, { attributes: true });
    this.observers = [size, sight, theme];
    this.follow = () => this.load(true);
    if (address) window.addEventListener("hashchange", this.follow);
    if (!address || !this.load(false)) this.use(lab.settings);
    // All sizes at once, so that nothing below the lab moves later.
    if (!this.run) return;
    this.describe();
    if (root.isConnected) this.measure();
  }
  $(selector) { return this.root.querySelector(selector); }
  has(view) { return this.lab.views.includes(view); }
  remove() {
    this.stop();
    window.removeEventListener("hashchange", this.follow);
    this.observers.forEach(observer => observer.disconnect());
  }

  // Take what the address says, if it speaks of this lab.
  load(followed) {
    const [name, ...rest] = location.hash.slice(1).split("&");
    if (name !== this.lab.name || !rest.length) return false;
    try {
      this.use(...this.read(new URLSearchParams(rest.join("&"))));
    } catch (error) {
      this.use(this.lab.settings);
      this.notice(`The address was not understood. ${error.message}`);
    }
    this.root.scrollIntoView();
    if (followed) this.$("[data-do=play]").focus({ preventScroll: true });
    return true;
  }
  read(given) {
    const { presets, settings } = this.lab;
    const key = given.get("preset"), acts = given.get("acts") ?? "";
    const preset = presets.find(preset => preset.key === key);
    if (key !== null && !preset) throw new Error(`There is no experiment “${
      key}” here; there are ${presets.map(({ key }) => key).join(", ")}.`);
    const wish = Object.fromEntries([...given].filter(([name]) =>
      name !== "preset" && name !== "acts").map(([name, value]) => [name,
      value === "true" ? true : value === "false" ? false
        : value.trim() !== "" && !isNaN(value) ? Number(value) : value]));
    const chosen = { ...settings, ...preset?.settings, ...checked(wish) };
    return [chosen, acts.split("_").filter(Boolean).map(act => {
      const [step, kind, layer, unit] = act.split(".");
      const fits = /^\d+\.(kill|push)\.[1-9]\d*\.[1-9]\d*$/.test(act) &&
        layer <= chosen.depth && unit <= chosen.width;
      if (!fits) throw new Error(
        `acts cannot be “${act}”; it can be 40.kill.1.3: at step 40, ` +
        "unit 3 of layer 1.");
      return [Number(step), kind, layer - 1, unit - 1];
    })];
  }
  // The address of this experiment, as far as it went.
  link() {
    const { step, acts } = this.run, state = new URLSearchParams({
      ...this.settings, steps: step || this.settings.steps });
    if (acts.length) state.set("acts", acts.map(([at, kind, layer, unit]) =>
      [at, kind, layer + 1, unit + 1].join(".")).join("_"));
    const url = new URL(`#${this.lab.name}&${state}`, location.href).href;
    if (this.address) history.replaceState(history.state, "", url);
    return url;
  }

  use(settings, acts = []) {
    this.remark = "";
    this.settings = { ...settings };
    this.acts = acts;
    for (const field of this.root.querySelectorAll("form [name]"))
      this.show(field);
    const same = ({ settings }) => Object.entries(settings).every(
      ([name, value]) => this.settings[name] === value);
    for (const link of this.root.querySelectorAll(".lab-presets a"))
      link.setAttribute("aria-current", same(this.lab.presets.find(
        ({ key }) => key === link.dataset.key)));
    const look = this.$(".lab-look");
    if (look) look.textContent =
      this.lab.presets.find(same)?.look ?? "Your own experiment.";
    this.reset();
  }
  // Make a control say what the settings say.
  show(field) {
    const { name } = field, { menu, slider, tick } = CONTROLS[name];
    const { weight_init } = this.settings, free = !isNaN(weight_init);
    let value = name === "scale" ? (free ? weight_init : 2)
      : this.settings[name];
    if (name === "weight_init" && free) value = "scale";
    if (name === "scale") field.parentElement.hidden = !free;
    if (tick) field.checked = value;
    else if (slider) {
      // The nearest on a scale of ratios; what is shown is exact.
      const far = v => Math.abs(Math.log(v / value));
      field.value = slider.reduce((best, v, i) =>
        far(v) < far(slider[best]) ? i : best, 0);
      field.nextElementSibling.textContent = short(value);
      field.setAttribute("aria-valuetext", short(value));
    } else {
      field.value = value;
      if (menu && field.value !== String(value))
        field.add(new Option(minus(value), value, true, true));
    }
  }
  changed({ target }) {
    const { name, value } = target;
    if (name === "layer" || name === "unit") {
      this.pick(this.$("[name=layer]").valueAsNumber - 1,
                this.$("[name=unit]").valueAsNumber - 1);
      return;
    }
    if (!CONTROLS[name]) return;
    const { slider, number, tick } = CONTROLS[name];
    if (number && !target.checkValidity()) return this.notice(
      `${CONTROLS[name].label} wants a whole number.`);
    const read = tick ? target.checked : slider ? slider[value]
      : value !== "" && !isNaN(value) ? Number(value) : value;
    const set = name === "scale" ? { weight_init: read }
      : name === "weight_init" && read === "scale" ? { weight_init: 2 }
        : { [name]: read };
    this.use({ ...this.settings, ...set });
    // Browsers refuse an address that changes with every pixel of a slider.
    clearTimeout(this.later);
    this.later = setTimeout(() => this.link(), 500);
  }
  clicked(event) {
    const link = event.target.closest("[data-key]");
    if (link && !this.address) {
      event.preventDefault();
      this.use(this.lab.presets.find(({ key }) =>
        key === link.dataset.key).settings);
    }
    const button = event.target.closest("[data-do]");
    if (button && this.run) this[button.dataset.do]();
    if (!event.target.matches(".lab-map")) return;
    const box = event.target.getBoundingClientRect(), { width } = this.settings;
    const row = Math.floor((event.clientY - box.top) / box.height *
                           this.run.units);
    this.pick(Math.floor(row / width), row % width);
  }
  pick(layer, unit) {
    const { depth, width } = this.settings;
    if (!(layer >= 0 && layer < depth && unit >= 0 && unit < width)) return;
    this.picked = [layer, unit];
    this.stale = true;
    this.wake();
  }
  kill() { this.byHand("kill"); }
  push() { this.byHand("push"); }
  byHand(kind) {
    this.todo.push([this.soon(), kind, ...this.picked]);
    this.told = 0;
    this.wake();
  }
  copyLink() { this.copy(this.link()); }
  copyPython() {
    this.copy(python(this.settings, this.run.step || this.settings.steps));
  }
  // Shown as well, since not every page may write to the clipboard.
  copy(text) {
    const shown = this.$(".lab-copied");
    shown.textContent = text;
    shown.hidden = false;
    navigator.clipboard?.writeText(text).then(() => this.say("Copied."),
                                              () => {});
  }

  reset() {
    this.stop();
    this.todo = [...this.acts];
    const { depth, width } = this.settings;
    if (this.settings.dataset === "digits" && !this.digits) {
      this.fetchDigits();
      return;
    }
    this.run = new Run(this.settings, this.digits);
    this.points = this.map = this.picture = null;
    this.job = this.run.begin();
    this.task = "begin";
    this.picked = [Math.min(this.picked[0], depth - 1),
                   Math.min(this.picked[1], width - 1)];
    for (const [name, max] of [["layer", depth], ["unit", width]])
      this.$(`[name=${name}]`)?.setAttribute("max", max);
    const table = this.$("tbody");
    if (table) table.innerHTML = count(1, depth).map(l => `<tr><th
      scope="row">${l}</th>${"<td></td>".repeat(4)}<td><span></span><span
      class="lab-bar"><i></i></span></td></tr>`).join("");
    const { dies, settings: { activation } } = this.run;
    const write = (selector, texts) => this.root.querySelectorAll(
      selector).forEach((node, i) => node.textContent = texts[i]);
    this.bare = activation === "identity";
    write(".lab-word", words(activation));
    write("th:is(:nth-child(2), :nth-child(3))", dies ? ["dead", "always on"]
      : this.bare ? ["off", "always on"] : ["below 0", "above 0"]);
    write("[data-do=kill]", [dies ? "Kill it" : "Lower it"]);
    for (const node of this.root.querySelectorAll("button[title]"))
      node.disabled = this.bare;
    this.root.classList.toggle("lab-undying", !dies);
    this.colours = null;
    this.wake();
  }
  // The book's pages have the digits in a file, which a page opened from disk
  // may load as a script only.
  fetchDigits() {
    const root = document.documentElement.dataset.content_root;
    const failed = () => {
      this.use({ ...this.lab.settings, dataset: "spirals" });
      this.notice("No digits here, but spirals.");
    };
    if (root === undefined) return failed();
    const script = document.createElement("script");
    script.src = `${root}_static/lab-digits.js`;
    script.onload = () => {
      this.digits = globalThis.reluDigits;
      this.reset();
    };
    script.onerror = failed;
    document.head.append(script);
  }
  play() {
    if (this.playing) return this.pause();
    this.playing = true;
    const { step, settings: { steps } } = this.run;
    this.goal = step < steps ? steps : Infinity;
    this.owed = 0;
    this.clock = null;
    this.$("[data-do=play]").textContent = "Pause";
    this.wake();
  }
  once() {
    this.stop();
    this.goal = this.soon() + 1;
    this.owed = 1;
    this.wake();
  }
  // The step that is reached once one that has begun ends.
  soon() { return this.run.step + (this.job && this.task === "step" ? 1 : 0); }
  stop() {
    this.playing = false;
    this.goal = 0;
    this.$("[data-do=play]").textContent = "Play";
  }
  pause() {
    this.stop();
    // A step that has begun ends first.
    if (this.job && this.task === "step") return;
    this.tell(true);
    this.report(this.run);
  }

  // --- One frame: steps, then a new picture, within the budget.
  wake() {
    // Under anywidget the element is drawn before it is in the page.
    if (this.frame || !this.visible) return;
    this.frame = requestAnimationFrame(now => {
      this.frame = null;
      if (this.root.isConnected && this.run) this.work(now);
    });
  }
  work(now) {
    const start = performance.now(), { run } = this;
    const end = start + BUDGET - Math.min(this.cost, BUDGET / 2);
    const half = (start + end) / 2;
    if (this.playing) {
      const speed = Number(this.$(".lab-speed").value);
      this.owed = speed === Infinity ? speed : Math.min(Math.max(2, speed / 10),
        this.owed + speed * (now - (this.clock ?? now)) / 1000);
      this.clock = now;
    }
    // Where less motion is wanted, pictures come once a second.
    const calm = this.playing &&
      matchMedia("(prefers-reduced-motion: reduce)").matches;
    const due = start - this.pictured > (calm ? 1000 : 250);
    let fresh = false;
    do {
      if (!this.job) {
        const act = this.todo.findIndex(([step]) => step === run.step);
        const more = run.step < this.goal && this.owed >= 1;
        if (act >= 0) {
          this.job = run.act(...this.todo.splice(act, 1)[0].slice(1));
          this.task = "act";
        } else if (more && !(due && this.stale) &&
                   (calm || !this.stale || performance.now() < half)) {
          this.owed--;
          this.job = run.advance();
          this.task = "step";
        } else if (this.stale && (due || !calm)) {
          this.job = this.imagine();
          this.task = "picture";
        } else break;
      }
      if (!this.job.next().done) continue;
      this.job = null;
      if (this.task === "picture") {
        this.pictured = performance.now();
        this.stale = false;
        fresh = true;
        break;
      }
      this.stale = true;
      const through = run.step >= this.goal || !Number.isFinite(run.loss);
      if (this.task === "step" && through) {
        this.owed = 0;
        this.pause();
      } else if (this.task !== "step") this.tell(true);
    } while (performance.now() < end);
    if (!calm || fresh) {
      const before = performance.now();
      this.draw(fresh);
      this.cost += 0.2 * (performance.now() - before - this.cost);
    }
    if (this.job || this.stale || run.step < this.goal || this.todo.some(
      ([step]) => step === run.step)) this.wake();
  }

  // --- What is said.
  sentence() {
    const { run } = this, { data, step, settings, dies } = run;
    const layers = count(0, settings.depth - 1).map(l => run.layer(l));
    const total = key => layers.reduce((sum, layer) => sum + layer[key], 0);
    const [dead, born, deaths, revivals] =
      ["dead", "born", "deaths", "revivals"].map(total);
    const [off, , always] = words(settings.activation);
    const little = small(this.lab.views);
    if (!Number.isFinite(run.loss))
      return `Step ${step}: the training has diverged.`;
    const right = run.net.classes
      ? `${Math.round(100 * run.right / data.n)} % right` : "";
    const loss = `loss ${short(run.loss)}`;
    const said = [step ? `${loss}${right && `, ${right}`}`
      : `${right || loss}; not trained yet`];
    if (this.bare) {
      if (!little) said.push("No unit can be off: there is no activation");
    } else if (dead ? step || !little : step && !little)
      said.push(`${off[0].toUpperCase()}${off.split(":")[0].slice(1)}: ${
        dead} of ${run.units} units${dies && born ? `, ${born
        } from the start` : ""}${
        little || !step ? "" : `; ${always}: ${total("always")}`}`);
    const killed = run.story.filter(told => /killed/.test(told)).length;
    const fates = deaths + revivals ? [`${many(deaths, "death")} and ${
      many(revivals, "revival")}, ${layers[0].deaths} and ${
      layers[0].revivals} of them in layer 1`] : [];
    if (killed) fates.push(`${killed} killed by you`);
    if (fates.length && !little) said.push(`So far ${fates.join("; ")}`);
    return `Step ${step}: ${said.join(". ")}.`;
  }
  tell(aloud) {
    const now = performance.now();
    // Before the first look at the samples there is nothing to tell.
    if (!aloud && (now - this.told < 120 || !this.run.losses.length)) return;
    this.told = now;
    const sentence = this.remark + this.sentence();
    this.$(".lab-readout").textContent = sentence;
    if (aloud || now - this.spoken > 5000) this.say((this.task === "act"
      ? `${this.fate(...this.picked)} ` : "") + sentence);
    this.drawTable();
  }
  say(text) {
    this.spoken = performance.now();
    this.$(".lab-aloud").textContent = text;
  }
  notice(text) {
    this.remark = `${text} `;
    this.$(".lab-readout").textContent = text;
    this.say(text);
  }

  // --- What is drawn.
  // The answers over the plane or the line, and one unit's there.
  *imagine() {
    const { run, picked: [l, u] } = this, { net, data } = run;
    const plane = data.features === 2, most = this.playing ? 1.2e6 : 8e6;
    if (data.features > 2 || !this.has("answer") && !this.has("unit")) return;
    const weights = net.layers.reduce((sum, { W }) => sum + W.length, 0);
    const side = plane ? Math.round(Math.min(96, Math.max(24,
      Math.sqrt(most / weights)))) : 241;
    const reach = plane ? 2.6 : 2.2, n = plane ? side * side : side;
    const at = i => reach * (2 * (i + 0.5) / side - 1);
    const rows = 64, X = new Float64Array(rows * data.features);
    const pass = new Pass(net, rows), q = data.outputs;
    const { width } = run.settings;
    const answer = new Float64Array(n), z = answer.slice(), a = answer.slice();
    for (let from = 0; from < n; from += rows) {
      const m = Math.min(rows, n - from);
      for (let i = 0; i < m; i++) {
        const k = from + i;
        if (plane) X.set([at(k % side), -at(Math.floor(k / side))], 2 * i);
        else X[i] = at(k);
      }
      yield* net.forward(X, m, pass, run.all);
      const out = pass.Z.at(-1);
      for (let i = 0; i < m; i++) {
        answer[from + i] = plane ? out[2 * i + 1] - out[2 * i] : out[i * q];
        z[from + i] = pass.Z[l][i * width + u];
        a[from + i] = pass.A[l][i * width + u];
      }
    }
    this.picture = { plane, side, reach, at, answer, z, a };
  }

  draw(fresh) {
    if (!this.colours) {
      this.measure();
      fresh = true;
    }
    const { pixels } = this.run.data;
    if (fresh && (pixels ? this.run.losses.length : this.picture))
      this[pixels ? "drawDigits" : this.picture.plane ? "drawPlane"
        : "drawCurve"]();
    if (this.has("map")) this.drawMap();
    this.tell(false);
  }
  // Colours and sizes, after either changed.
  measure() {
    const style = getComputedStyle(this.root);
    const ink = style.color.match(/[\d.]+/g).slice(0, 3).map(Number);
    this.root.classList.toggle("lab-night", ink[0] + ink[1] + ink[2] > 384);
    this.colours = { ink };
    for (const name of ["off", "some", "always", "circle", "square"])
      this.colours[name] = rgb(style.getPropertyValue(`--lab-${name}`).trim());
    const { depth } = this.settings, { units } = this.run;
    this.row = Math.max(24, Math.min(480, Math.max(200, 4 * units)) / depth);
    this.root.style.setProperty("--lab-row", `${this.row}px`);
    const map = this.$(".lab-map"), ratio = Math.min(2, devicePixelRatio || 1);
    if (map) map.style.height = `${this.row * depth}px`;
    for (const canvas of this.root.querySelectorAll("canvas")) {
      canvas.width = Math.max(1, Math.round(canvas.clientWidth * ratio));
      canvas.height = Math.max(1, Math.round(canvas.clientHeight * ratio));
    }
    this.ratio = ratio;
    this.points = this.map = null;
  }
  pen(selector) {
    const canvas = this.$(selector);
    if (!canvas) return null;
    const g = canvas.getContext("2d"), { width, height } = canvas;
    g.setTransform(1, 0, 0, 1, 0, 0);
    g.clearRect(0, 0, width, height);
    g.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    g.strokeStyle = g.fillStyle = css(this.colours.ink);
    g.lineWidth = 1.5;
    return { g, w: width / this.ratio, h: height / this.ratio };
  }
  drawPlane() {
    const { run, picture, picked: [l, u], colours } = this;
    const { side, reach, answer, z, a } = picture, { data, net } = run;
    const top = a.reduce((most, v) => Math.max(most, Math.abs(v)), 1e-12);
    const shades = Uint32Array.from({ length: 129 }, (_, i) => (pack(
      i > 64 ? colours.square : colours.circle) & 0xffffff |
      Math.round(2.2 * Math.abs(i - 64)) << 24) >>> 0);
    const { W, q } = net.layers[0];
    for (const [name, value, border] of [
      [".lab-answer", i => Math.tanh(answer[i]), answer],
      [".lab-unit", i => a[i] / top, z]]) {
      const pen = this.pen(name);
      if (!pen) continue;
      const { g, w } = pen, px = x => (x + reach) / (2 * reach) * w;
      const pixels = Uint32Array.from(answer, (_, i) =>
        shades[Math.round(64 + 64 * Math.max(-1, Math.min(1, value(i)))) || 0]);
      this.small.width = this.small.height = side;
      this.small.getContext("2d").putImageData(new ImageData(
        new Uint8ClampedArray(pixels.buffer), side, side), 0, 0);
      g.drawImage(this.small, 0, 0, w, w);
      const whole = name === ".lab-answer";
      if (whole && BENT.includes(run.settings.activation)) {
        g.globalAlpha = 0.4;
        g.lineWidth = 0.75;
        g.beginPath();
        for (let j = 0; j < q; j++) {
          const offset = this.offset(j);
          const [v1, v2] = [W[j], W[q + j]], size = v1 * v1 + v2 * v2 || 1;
          const [x, y] = [-offset * v1 / size, -offset * v2 / size];
          const far = 4 * reach / Math.sqrt(size);
          g.moveTo(px(x - far * v2), px(-y - far * v1));
          g.lineTo(px(x + far * v2), px(-y + far * v1));
        }
        g.stroke();
        g.globalAlpha = 1;
      }
      g.lineWidth = 1.75;
      this.contour(g, w, side, border);
      this.points ??= this.drawPoints(w, px, data);
      g.drawImage(this.points, 0, 0, w, w);
    }
    this.about(l, u);
  }
  // Where a unit of layer 1 bends, its weighted inputs sum to minus this.
  offset(j) {
    const { net: { layers: [{ b, scale, shift }] }, all } = this.run;
    return b[j] + (!scale ? 0
      : shift[j] * all.deviation[0][j] / scale[j] - all.mean[0][j]);
  }
  // The line on which a function on the grid is 0: marching squares.
  contour(g, w, side, value) {
    const px = i => (i + 0.5) / side * w, cell = new Float64Array(4);
    const corner = [[0, 0], [1, 0], [1, 1], [0, 1]];
    g.beginPath();
    for (let y = 0; y + 1 < side; y++) for (let x = 0; x + 1 < side; x++) {
      const i = y * side + x;
      cell[0] = value[i];
      cell[1] = value[i + 1];
      cell[2] = value[i + side + 1];
      cell[3] = value[i + side];
      const signs = (cell[0] > 0) + (cell[1] > 0) + (cell[2] > 0) +
                    (cell[3] > 0);
      if (signs === 0 || signs === 4) continue;
      let met = 0;
      for (let k = 0; k < 4; k++) {
        const m = (k + 1) % 4, a = cell[k], b = cell[m];
        if (a > 0 === b > 0) continue;
        const t = a / (a - b), [i0, j0] = corner[k], [i1, j1] = corner[m];
        g[met++ % 2 ? "lineTo" : "moveTo"](px(x + i0 + t * (i1 - i0)),
                                           px(y + j0 + t * (j1 - j0)));
      }
    }
    g.stroke();
  }
  drawPoints(w, px, { n, x, y }) {
    const canvas = document.createElement("canvas"), { ratio, colours } = this;
    canvas.width = canvas.height = Math.round(w * ratio);
    const g = canvas.getContext("2d"), r = Math.max(1.5, w / 120);
    g.scale(ratio, ratio);
    g.lineWidth = 0.5;
    g.strokeStyle = "#fff";
    for (let i = 0; i < n; i++) {
      const left = px(x[2 * i]), top = px(-x[2 * i + 1]);
      g.fillStyle = css(y[i] ? colours.square : colours.circle);
      g.beginPath();
      if (y[i]) g.rect(left - r, top - r, 2 * r, 2 * r);
      else g.arc(left, top, 1.1 * r, 0, 7);
      g.fill();
      g.stroke();
    }
    return canvas;
  }
  drawCurve() {
    const { run, picture, picked: [l, u], colours } = this;
    const { side, reach, at, answer, a } = picture, { data, net } = run;
    const { W } = net.layers[0], high = 1.8;
    const tall = a.reduce((most, v) => Math.max(most, Math.abs(v)), high);
    for (const [name, value, top] of [[".lab-answer", answer, high],
                                      [".lab-unit", a, tall]]) {
      const pen = this.pen(name);
      if (!pen) continue;
      const { g, w, h } = pen, px = x => (x + reach) / (2 * reach) * w;
      const py = y => h / 2 - y / (1.05 * top) * h / 2;
      g.globalAlpha = 0.4;
      g.fillRect(0, py(0), w, 1);
      g.globalAlpha = 1;
      g.fillStyle = css(colours.circle);
      for (let i = 0; i < data.n; i++) {
        g.beginPath();
        g.arc(px(data.x[i]), py(data.y[i]), Math.max(1.5, w / 140), 0, 7);
        g.fill();
      }
      if (BENT.includes(run.settings.activation)) {
        const bends = name === ".lab-answer" ? W.keys() : l === 0 ? [u] : [];
        for (const j of bends) {
          const offset = this.offset(j);
          g.fillStyle = css(colours[this.state(j)]);
          g.fillRect(px(-offset / W[j]) - 1, h - 12, 2, 12);
        }
      }
      g.lineWidth = 2.5;
      g.strokeStyle = css(colours.square);
      g.beginPath();
      for (let i = 0; i < side; i++) g.lineTo(px(at(i)), py(value[i]));
      g.stroke();
    }
    this.about(l, u);
  }
  drawDigits() {
    const { run, picked: [l, u], settings: { width } } = this, { data } = run;
    const { pixels, n, y } = data, across = 25;
    if (!this.points) {
      const sheet = this.points = document.createElement("canvas");
      sheet.width = 8 * across;
      sheet.height = 8 * Math.ceil(n / across);
      const g = sheet.getContext("2d");
      const image = g.createImageData(sheet.width, sheet.height);
      pixels.forEach((pixel, i) => {
        const k = Math.floor(i / 64), j = i % 64;
        const x = 8 * (k % across) + j % 8;
        const y = 8 * Math.floor(k / across) + Math.floor(j / 8);
        image.data.set([...this.colours.ink, pixel / 16 * 255],
                       4 * (y * sheet.width + x));
      });
      g.putImageData(image, 0, 0);
    }
    const show = (pen, side, images, mark) => images.forEach((image, place) => {
      const { g, w } = pen, s = w / side, left = s * (place % side);
      const top = s * Math.floor(place / side);
      g.imageSmoothingEnabled = false;
      g.drawImage(this.points, 8 * (image % across),
                  8 * Math.floor(image / across), 8, 8,
                  left + 0.1 * s, top + 0.1 * s, 0.8 * s, 0.8 * s);
      mark?.(g, image, left, top, s);
    });
    const answers = this.pen(".lab-answer"), out = run.all.Z.at(-1);
    if (answers) show(answers, 8, count(0, 63), (g, image, left, top, s) => {
      let best = 0;
      for (let j = 1; j < 10; j++)
        if (out[10 * image + j] > out[10 * image + best]) best = j;
      if (best === y[image]) return;
      g.strokeRect(left + 1, top + 1, s - 2, s - 2);
      g.font = `700 ${0.45 * s}px sans-serif`;
      g.fillText(best, left + 0.08 * s, top + 0.42 * s);
    });
    const unit = this.pen(".lab-unit"), A = run.all.A[l];
    const strongest = count(0, n - 1).filter(i => run.all.Z[l][i * width + u]
      > 0).sort((i, j) => A[j * width + u] - A[i * width + u]).slice(0, 16);
    if (unit) show(unit, 4, strongest);
    this.about(l, u);
  }
  state(unit) {
    const on = this.run.on[unit];
    return on === 0 ? "off" : on === this.run.data.n ? "always" : "some";
  }
  about(l, u) {
    const place = this.$(".lab-about"), text = this.fate(l, u);
    if (place && place.textContent !== text) place.textContent = text;
  }
  // What became of a unit, and what it is now.
  fate(l, u) {
    const { on, story, dies, data: { n }, settings: { width } } = this.run;
    const unit = l * width + u, told = story[unit];
    const now = `${dies && !on[unit] ? "dead, " : ""}${
      dies || this.bare ? "on" : "above 0"} for ${on[unit]} of ${n} points.`;
    const text = told.length ? `${told.length > 2 ? "… " : ""}${
      told.slice(-2).join(", ")}: now ${now}` : now;
    return text[0].toUpperCase() + text.slice(1);
  }
  drawMap() {
    const { run, picked: [l, u], colours, strip } = this;
    const { columns, units, stride, settings: { depth, width } } = run;
    if (this.map?.stride !== stride) {
      strip.width = MOST_COLUMNS + 1;
      strip.height = units;
      this.map = { stride, drawn: 0, shades: Uint32Array.from({ length: 256 },
        (_, v) => v === 0 ? pack(colours.off) : v === 255
          ? pack(colours.always) : (pack(colours.some) & 0xffffff |
            Math.round(64 + 0.75 * v) << 24) >>> 0) };
    }
    const { shades } = this.map, brush = strip.getContext("2d");
    for (let x = Math.max(0, this.map.drawn - 1); x < columns.length; x++)
      brush.putImageData(new ImageData(new Uint8ClampedArray(Uint32Array.from(
        columns[x], v => shades[v]).buffer), 1, units), x, 0);
    this.map.drawn = columns.length;
    const { g, w, h } = this.pen(".lab-map"), left = 22;
    g.imageSmoothingEnabled = false;
    g.drawImage(strip, 0, 0, Math.max(100, columns.length), units,
                left, 0, w - left, h);
    g.font = "13px sans-serif";
    g.textAlign = "center";
    g.textBaseline = "middle";
    for (let i = 0; i < depth; i++) {
      g.fillText(i + 1, left / 2, (i + 0.5) * h / depth);
      if (i) g.fillRect(0, i * h / depth - 0.5, w, 1);
    }
    if (this.has("unit")) g.strokeRect(left, (l * width + u) * h / units,
                                       w - left - 1, Math.max(3, h / units));
  }
  drawTable() {
    const { run } = this, body = this.$("tbody"), write = (cell, text) => {
      if (cell.textContent !== text) cell.textContent = text;
    };
    for (const [l, row] of [...body?.rows ?? []].entries()) {
      const { dead, always, deaths, revivals, norm } = run.layer(l);
      [dead, always, deaths, revivals].forEach((value, i) =>
        write(row.cells[i + 1], String(value)));
      write(row.cells[5].firstChild, short(norm));
      row.querySelector("i").style.width = `${norm > 0 ? Math.max(0, Math.min(
        100, (Math.log10(norm) + 12) / 0.14)) : 0}%`;
    }
    this.drawLoss();
    this.describe();
  }
  drawLoss() {
    const svg = this.$(".lab-loss");
    if (!svg) return;
    const { losses, stride } = this.run;
    const good = losses.filter(v => v > 0 && Number.isFinite(v));
    const high = Math.min(9, Math.ceil(Math.log10(Math.max(1, ...good))));
    const low = Math.max(-9, Math.floor(Math.log10(Math.min(0.1, ...good))));
    const x = i => 58 + 230 * i / Math.max(1, losses.length - 1);
    const y = power => 14 + 250 * (high - power) / (high - low);
    const by = Math.ceil((high - low) / 8);
    const lines = count(0, Math.floor((high - low) / by)).map(i => {
      const power = high - i * by;
      return `<line x1="58" x2="290" y1="${y(power)}" y2="${y(power)}"/><text
        x="52" y="${y(power) + 5}" text-anchor="end">${
        short(10 ** power).replace("1.0 × ", "")}</text>`;
    });
    const curve = losses.map((v, i) => v > 0 && v < 1e9 ? `${x(i).toFixed(1)
    },${y(Math.log10(v)).toFixed(1)}` : "").join(" ");
    svg.innerHTML = `${lines.join("")}<text x="58" y="288">0</text><text
      x="290" y="288" text-anchor="end">${(losses.length - 1) * stride}</text>
      <text x="174" y="288" text-anchor="middle">step</text><polyline points="${
      curve}"/>`;
  }
  // For those who do not see the pictures.
  describe() {
    const { run, picked: [l, u] } = this, { data, step, losses } = run;
    const label = (selector, text) =>
      this.$(selector)?.setAttribute("aria-label", text);
    const bent = BENT.includes(run.settings.activation);
    const line = data.features === 1;
    const caption = data.pixels ? "64 images; a frame and a digit mark a wrong \
answer" : `What the network answers${line ? ": the thick line"
      : "; the thick line is the boundary"}${!bent ? "" : `, ${
      line ? "ticks" : "thin lines"} are the hinges of layer 1`}`;
    label(".lab-answer", `${caption}. Step ${step}.`);
    const place = this.$(".lab-answer")?.nextElementSibling;
    if (place) place.textContent = caption;
    const shows = this.$(".lab-shows"), gives = data.pixels
      ? "The images that turn it on most" : line ? "What a unit gives: \
the thick line" : "What a unit gives, in colour; on the line z is 0";
    if (shows) shows.textContent = gives;
    label(".lab-unit", `Unit ${u + 1} of layer ${l + 1}. ${gives}.`);
    label(".lab-loss", `Loss against steps, from ${short(losses[0])} to ${
      short(losses.at(-1))}.`);
    label(".lab-map", `Map of ${run.units} units against ${step} steps.`);
  }
}

// --- Where it is shown. ------------------------------------------------------

// What anywidget calls in JupyterLab, and mount in a page.
export function render({ model, el }) {
  const report = run => {
    const layers = count(0, run.settings.depth - 1).map(l => run.layer(l));
    const each = key => layers.map(layer => layer[key]);
    model.set("state", {
      step: run.step, loss: run.loss, losses: [...run.losses],
      stride: run.stride, settings: run.settings, deaths: each("deaths"),
      revivals: each("revivals"), dead: each("dead"),
      always_on: each("always"),
      weights: run.net.layers.map(({ W }) => [...W]),
      biases: run.net.layers.map(({ b }) => [...b]),
    });
    model.save_changes();
  };
  const view = new View(el, model.get("lab"), {
    address: model.get("address") ?? false, digits: model.get("digits"),
    report });
  el.lab = view;  // For the curious, at the browser's console.
  return () => view.remove();
}

export function mount(root) {
  for (const el of root.querySelectorAll(".relu-lab:not(.lab)")) {
    const own = { lab: JSON.parse(el.dataset.lab), address: true };
    render({ el, model: { get: name => own[name], save_changes() {},
                          set(name, value) { own[name] = value; } } });
  }
}

export default { render };
