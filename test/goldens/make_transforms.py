"""Writes transforms.json: what torchvision's transforms make of small pictures, and what they draw for seeds.

torchvision itself is not needed: the formulas of its tensor functions stand below, on torch.
Run with PyTorch installed: python test/goldens/make_transforms.py
"""
import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F

torch.manual_seed(3)
RGB = torch.randint(0, 256, (3, 7, 9), dtype=torch.uint8)
GREY = torch.randint(0, 256, (1, 6, 8), dtype=torch.uint8)
FLOAT = torch.rand(3, 7, 9)
SMALL = RGB[:, :2, :3].float() / 255


def out(tensor):
    return {"shape": list(tensor.shape), "values": tensor.flatten().tolist()}


def blend(a, b, ratio):
    bound = 1.0 if a.is_floating_point() else 255.0
    return (ratio * a + (1.0 - ratio) * b).clamp(0, bound).to(a.dtype)


def grey(image):
    r, g, b = image.unbind(-3)
    return (0.2989 * r + 0.587 * g + 0.114 * b).to(image.dtype).unsqueeze(-3)


def contrast(image, factor):
    dtype = image.dtype if image.is_floating_point() else torch.float32
    mean = torch.mean((grey(image) if image.shape[-3] == 3 else image).to(dtype), dim=(-3, -2, -1), keepdim=True)
    return blend(image, mean, factor)


def hue(image, factor):
    source = image.dtype
    image = image if image.is_floating_point() else image.to(torch.float32) / 255
    r, g, b = image.unbind(-3)
    most, least = image.max(-3).values, image.min(-3).values
    same = most == least
    span = most - least
    ones = torch.ones_like(most)
    saturation = span / torch.where(same, ones, most)
    divisor = torch.where(same, ones, span)
    rc, gc, bc = (most - r) / divisor, (most - g) / divisor, (most - b) / divisor
    hr = (most == r) * (bc - gc)
    hg = ((most == g) & (most != r)) * (2.0 + rc - bc)
    hb = ((most != g) & (most != r)) * (4.0 + gc - rc)
    h = torch.fmod((hr + hg + hb) / 6.0 + 1.0, 1.0)
    h = (h + factor) % 1.0
    i = torch.floor(h * 6.0)
    f = h * 6.0 - i
    i = i.to(torch.int32) % 6
    v, s = most, saturation
    p, q, t = (v * (1.0 - s)).clamp(0, 1), (v * (1.0 - s * f)).clamp(0, 1), (v * (1.0 - s * (1.0 - f))).clamp(0, 1)
    table = torch.stack([torch.stack(c, -3) for c in ((v, q, p, p, t, v), (t, v, v, q, p, p), (p, p, t, v, v, q))], -4)
    mask = i.unsqueeze(-3) == torch.arange(6).view(-1, 1, 1)
    made = torch.einsum("...ijk, ...xijk -> ...xjk", mask.to(image.dtype), table)
    return made if source.is_floating_point else (made.mul(255 + 1 - 1e-3)).to(source)


def resize(image, size, mode="bilinear", antialias=True):
    source = image.dtype
    x = image.float() if not image.is_floating_point() else image
    extra = {} if mode == "nearest" else {"align_corners": False, "antialias": antialias}
    x = F.interpolate(x.unsqueeze(0), size=size, mode=mode, **extra).squeeze(0)
    if source == torch.uint8:
        x = x.clamp(0, 255) if mode == "bicubic" else x
        x = torch.round(x).to(source)
    return x


def rotate(image, angle, mode="nearest", expand=False, center=None, fill=None):
    source = image.dtype
    h, w = image.shape[-2:]
    cx, cy = (0.0, 0.0) if center is None else (center[0] - w * 0.5, center[1] - h * 0.5)
    rot = math.radians(-angle)
    a, b, c, d = math.cos(rot), -math.sin(rot), math.sin(rot), math.cos(rot)
    m = [d, -b, 0.0, -c, a, 0.0]
    m[2] += m[0] * -cx + m[1] * -cy + cx
    m[5] += m[3] * -cx + m[4] * -cy + cy
    ow, oh = w, h
    if expand:
        corners = torch.tensor([[-0.5 * w, -0.5 * h, 1.0], [-0.5 * w, 0.5 * h, 1.0], [0.5 * w, 0.5 * h, 1.0], [0.5 * w, -0.5 * h, 1.0]])
        new = corners @ torch.tensor(m).reshape(2, 3).T
        low, high = new.min(0).values + torch.tensor((w * 0.5, h * 0.5)), new.max(0).values + torch.tensor((w * 0.5, h * 0.5))
        tol = 1e-4
        size = torch.ceil((high / tol).trunc_() * tol) - torch.floor((low / tol).trunc_() * tol)
        ow, oh = int(size[0]), int(size[1])
    theta = torch.tensor(m).reshape(1, 2, 3)
    base = torch.empty(1, oh, ow, 3)
    base[..., 0].copy_(torch.linspace(-ow * 0.5 + 0.5, ow * 0.5 + 0.5 - 1, steps=ow))
    base[..., 1].copy_(torch.linspace(-oh * 0.5 + 0.5, oh * 0.5 + 0.5 - 1, steps=oh).unsqueeze(-1))
    base[..., 2].fill_(1)
    grid = base.view(1, oh * ow, 3).bmm(theta.transpose(1, 2) / torch.tensor([0.5 * w, 0.5 * h])).view(1, oh, ow, 2)
    x = image.float().unsqueeze(0)
    if fill is not None:
        x = torch.cat((x, torch.ones((1, 1, h, w))), 1)
    x = F.grid_sample(x, grid, mode=mode, padding_mode="zeros", align_corners=False)
    if fill is not None:
        mask = x[:, -1:].expand(-1, image.shape[0], -1, -1)
        x = x[:, :-1]
        filled = torch.full_like(x, fill)
        x = torch.where(mask < 0.5, filled, x) if mode == "nearest" else x * mask + (1.0 - mask) * filled
    x = x.squeeze(0)
    return torch.round(x).to(source) if source == torch.uint8 else x


def crop_params(seed, height, width, size):
    torch.manual_seed(seed)
    return [int(torch.randint(0, height - size + 1, (1,))), int(torch.randint(0, width - size + 1, (1,)))]


def resized_crop_params(seed, height, width, scale=(0.08, 1.0), ratio=(3 / 4, 4 / 3)):
    torch.manual_seed(seed)
    found = []
    for _ in range(5):
        log_ratio = torch.log(torch.tensor(ratio))
        for _ in range(10):
            target = height * width * torch.empty(1).uniform_(scale[0], scale[1]).item()
            aspect = torch.exp(torch.empty(1).uniform_(log_ratio[0], log_ratio[1])).item()
            w, h = int(round(math.sqrt(target * aspect))), int(round(math.sqrt(target / aspect)))
            if 0 < w <= width and 0 < h <= height:
                found.append([int(torch.randint(0, height - h + 1, (1,))), int(torch.randint(0, width - w + 1, (1,))), h, w])
                break
        else:
            in_ratio = width / height
            if in_ratio < min(ratio):
                w, h = width, int(round(width / min(ratio)))
            elif in_ratio > max(ratio):
                h, w = height, int(round(height * max(ratio)))
            else:
                w, h = width, height
            found.append([(height - h) // 2, (width - w) // 2, h, w])
    return found


def jitter(seed, image, b, c, s, h):
    """ColorJitter: the order first, then the four factors."""
    torch.manual_seed(seed)
    order = torch.randperm(4)
    draw = lambda r: float(torch.empty(1).uniform_(r[0], r[1]))
    factors = [draw(b), draw(c), draw(s), draw(h)]
    for k in order:
        if k == 0:
            image = blend(image, torch.zeros_like(image), factors[0])
        if k == 1:
            image = contrast(image, factors[1])
        if k == 2:
            image = blend(image, grey(image), factors[2])
        if k == 3:
            image = hue(image, factors[3])
    return image


def erase(seed, image):
    torch.manual_seed(seed)
    torch.rand(1)
    area = image.shape[-2] * image.shape[-1]
    log_ratio = torch.log(torch.tensor((0.3, 3.3)))
    for _ in range(10):
        target = area * torch.empty(1).uniform_(0.02, 0.33).item()
        aspect = torch.exp(torch.empty(1).uniform_(log_ratio[0], log_ratio[1])).item()
        h, w = int(round(math.sqrt(target * aspect))), int(round(math.sqrt(target / aspect)))
        if not (h < image.shape[-2] and w < image.shape[-1]):
            continue
        noise = torch.empty([3, h, w]).normal_()
        i, j = int(torch.randint(0, image.shape[-2] - h + 1, (1,))), int(torch.randint(0, image.shape[-1] - w + 1, (1,)))
        image = image.clone()
        image[..., i : i + h, j : j + w] = noise
        return image
    return image


def angle(seed, low, high):
    torch.manual_seed(seed)
    return float(torch.empty(1).uniform_(low, high).item())


cases = {}
for name, image in (("rgb", RGB), ("float", FLOAT)):
    cases[f"{name} brightness"] = out(blend(image, torch.zeros_like(image), 1.4))
    cases[f"{name} contrast"] = out(contrast(image, 0.6))
    cases[f"{name} saturation"] = out(blend(image, grey(image), 1.7))
    cases[f"{name} hue"] = out(hue(image, 0.2))
    cases[f"{name} hue back"] = out(hue(image, -0.35))
    cases[f"{name} grey"] = out(grey(image))
    cases[f"{name} shrink"] = out(resize(image, (3, 4)))
    cases[f"{name} shrink plain"] = out(resize(image, (3, 4), antialias=False))
    cases[f"{name} grow"] = out(resize(image, (13, 11)))
    cases[f"{name} mixed"] = out(resize(image, (4, 20)))
    cases[f"{name} cubic shrink"] = out(resize(image, (3, 4), mode="bicubic"))
    cases[f"{name} cubic grow"] = out(resize(image, (13, 11), mode="bicubic"))
    cases[f"{name} nearest"] = out(resize(image, (5, 13), mode="nearest"))
    cases[f"{name} rotate 33"] = out(rotate(image, 33))
    cases[f"{name} rotate 90 expand"] = out(rotate(image, 90, expand=True))
    cases[f"{name} rotate 37 bilinear"] = out(rotate(image, 37, mode="bilinear"))
    cases[f"{name} rotate -20 expand bilinear"] = out(rotate(image, -20, mode="bilinear", expand=True))
    cases[f"{name} rotate 33 center"] = out(rotate(image, 33, center=(2, 3)))
    cases[f"{name} rotate 33 fill"] = out(rotate(image, 33, fill=0.5 if name == "float" else 100))
    cases[f"{name} rotate 37 bilinear fill"] = out(rotate(image, 37, mode="bilinear", fill=0.5 if name == "float" else 100))
    cases[f"{name} jitter"] = out(jitter(11, image, (0.6, 1.4), (0.5, 1.5), (0.3, 1.7), (-0.2, 0.2)))
cases["grey contrast"] = out(contrast(GREY, 1.8))
cases["float erase"] = out(erase(5, FLOAT))
cases["float bytes"] = out(FLOAT.mul(255 + 1 - 1e-3).to(torch.uint8))
for mode in ("reflect", "replicate"):
    cases[f"float pad {mode}"] = out(F.pad(FLOAT.unsqueeze(0), (2, 1, 3, 2), mode=mode).squeeze(0))

Path(__file__).with_name("transforms.json").write_text(json.dumps(
    {
        "torch": torch.__version__,
        "rgb": out(RGB),
        "grey": out(GREY),
        "float": out(FLOAT),
        "cases": cases,
        "cropParams": {str(seed): crop_params(seed, 28, 32, 20) for seed in (0, 7, 99)},
        "resizedCropParams": {
            f"{seed} {h} {w}": resized_crop_params(seed, h, w) for seed in (0, 7, 99) for h, w in ((300, 200), (28, 28), (10, 400), (400, 10))
        },
        "angles": {str(seed): angle(seed, -30.0, 30.0) for seed in (0, 7, 99)},
    },
))
