/** Schemas of operators as PyTorch declares them: names, types and defaults of their arguments. */
export const part4 = `
aten::var_mean.correction(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> (Tensor, Tensor)
aten::var_mean.dim(Tensor self, int[1]? dim, bool unbiased=True, bool keepdim=False) -> (Tensor, Tensor)
aten::vdot(Tensor self, Tensor other) -> Tensor
aten::view(Tensor(a) self, SymInt[] size) -> Tensor(a)
aten::view.dtype(Tensor(a) self, ScalarType dtype) -> Tensor(a)
aten::view_as(Tensor(a) self, Tensor other) -> Tensor(a)
aten::vstack(Tensor[] tensors) -> Tensor
aten::where(Tensor condition) -> Tensor[]
aten::where.Scalar(Tensor condition, Scalar self, Scalar other) -> Tensor
aten::where.ScalarOther(Tensor condition, Tensor self, Scalar other) -> Tensor
aten::where.ScalarSelf(Tensor condition, Scalar self, Tensor other) -> Tensor
aten::where.self(Tensor condition, Tensor self, Tensor other) -> Tensor
aten::xlogy.OutScalar_Other(Tensor self, Scalar other, *, Tensor(a!) out) -> Tensor(a!)
aten::xlogy.OutScalar_Self(Scalar self, Tensor other, *, Tensor(a!) out) -> Tensor(a!)
aten::xlogy.OutTensor(Tensor self, Tensor other, *, Tensor(a!) out) -> Tensor(a!)
aten::xlogy.Scalar_Other(Tensor self, Scalar other) -> Tensor
aten::xlogy.Scalar_Self(Scalar self, Tensor other) -> Tensor
aten::xlogy.Tensor(Tensor self, Tensor other) -> Tensor
aten::zero_(Tensor(a!) self) -> Tensor(a!)
aten::zeros(SymInt[] size, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor
aten::zeros_like(Tensor self, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor
prim::NumToTensor.Scalar(Scalar a) -> Tensor
prim::NumToTensor.bool(bool a) -> Tensor
prim::data(Tensor(a) a) -> Tensor(a)
prim::device(Tensor a) -> Device
prim::dtype(Tensor a) -> int
prim::is_cpu(Tensor a) -> bool
prim::is_cuda(Tensor a) -> bool
prim::is_meta(Tensor a) -> bool
prim::is_mkldnn(Tensor a) -> bool
prim::is_mps(Tensor a) -> bool
prim::is_nested(Tensor a) -> bool
prim::is_quantized(Tensor a) -> bool
prim::is_sparse(Tensor a) -> bool
prim::is_xpu(Tensor a) -> bool
prim::layout(Tensor a) -> Layout
prim::requires_grad(Tensor a) -> bool
quantized::linear_dynamic(Tensor X, __torch__.torch.classes.quantized.LinearPackedParamsBase W_prepack, bool reduce_range=False) -> Tensor Y
`
