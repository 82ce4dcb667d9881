/** Schemas of operators as PyTorch declares them: names, types and defaults of their arguments. */
export const part2 = `
aten::eq.Tensor_list(Tensor[] a, Tensor[] b) -> bool
aten::eq.bool(bool a, bool b) -> bool
aten::eq.bool_list(bool[] a, bool[] b) -> bool
aten::eq.device(Device a, Device b) -> bool
aten::eq.enum(AnyEnumType a, AnyEnumType b) -> bool
aten::eq.float(float a, float b) -> bool
aten::eq.float_int(float a, int b) -> bool
aten::eq.float_list(float[] a, float[] b) -> bool
aten::eq.int(int a, int b) -> bool
aten::eq.int_float(int a, float b) -> bool
aten::eq.int_list(int[] a, int[] b) -> bool
aten::eq.str(str a, str b) -> bool
aten::eq.str_list(str[] a, str[] b) -> bool
aten::erf(Tensor self) -> Tensor
aten::erf.Scalar(Scalar a) -> Scalar
aten::erf.float(float a) -> float
aten::erf.int(int a) -> float
aten::erfc(Tensor self) -> Tensor
aten::erfc.Scalar(Scalar a) -> Scalar
aten::erfc.float(float a) -> float
aten::erfc.int(int a) -> float
aten::exp(Tensor self) -> Tensor
aten::exp.Scalar(Scalar a) -> Scalar
aten::exp.float(float a) -> float
aten::exp.int(int a) -> float
aten::exp2(Tensor self) -> Tensor
aten::expand(Tensor(a) self, SymInt[] size, *, bool implicit=False) -> Tensor(a)
aten::expand_as(Tensor(a) self, Tensor other) -> Tensor(a)
aten::expm1(Tensor self) -> Tensor
aten::expm1.Scalar(Scalar a) -> Scalar
aten::expm1.float(float a) -> float
aten::expm1.int(int a) -> float
aten::eye(SymInt n, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor
aten::eye.m(SymInt n, SymInt m, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor
aten::feature_alpha_dropout(Tensor input, float p, bool train) -> Tensor
aten::feature_dropout(Tensor input, float p, bool train) -> Tensor
aten::fill.Scalar(Tensor self, Scalar value) -> Tensor
aten::fill.Tensor(Tensor self, Tensor value) -> Tensor
aten::fill_.Scalar(Tensor(a!) self, Scalar value) -> Tensor(a!)
aten::fill_.Tensor(Tensor(a!) self, Tensor value) -> Tensor(a!)
aten::fix(Tensor self) -> Tensor
aten::flatten.using_ints(Tensor(a) self, int start_dim=0, int end_dim=-1) -> Tensor(a)
aten::flip(Tensor self, int[] dims) -> Tensor
aten::fliplr(Tensor self) -> Tensor
aten::flipud(Tensor self) -> Tensor
aten::floor(Tensor self) -> Tensor
aten::floor.Scalar(Scalar a) -> Scalar
aten::floor.float(float a) -> int
aten::floor.int(int a) -> int
aten::floor_divide(Tensor self, Tensor other) -> Tensor
aten::floor_divide.Scalar(Tensor self, Scalar other) -> Tensor
aten::fmax(Tensor self, Tensor other) -> Tensor
aten::fmin(Tensor self, Tensor other) -> Tensor
aten::fmod(Scalar a, Scalar b) -> float
aten::fmod.Scalar(Tensor self, Scalar other) -> Tensor
aten::fmod.Tensor(Tensor self, Tensor other) -> Tensor
aten::fmod.float(float a, float b) -> float
aten::fmod.float_int(float a, int b) -> float
aten::fmod.int(int a, int b) -> float
aten::fmod.int_float(int a, float b) -> float
aten::frac(Tensor self) -> Tensor
aten::frobenius_norm.dim(Tensor self, int[1] dim, bool keepdim=False) -> Tensor
aten::full(SymInt[] size, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor
aten::full_like(Tensor self, Scalar fill_value, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None, MemoryFormat? memory_format=None) -> Tensor
aten::gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor
aten::ge(Scalar a, Scalar b) -> bool
aten::ge.Scalar(Tensor self, Scalar other) -> Tensor
aten::ge.Tensor(Tensor self, Tensor other) -> Tensor
aten::ge.float(float a, float b) -> bool
aten::ge.float_int(float a, int b) -> bool
aten::ge.int(int a, int b) -> bool
aten::ge.int_float(int a, float b) -> bool
aten::ge.str(str a, str b) -> bool
aten::gelu(Tensor self, *, str approximate="none") -> Tensor
aten::ger(Tensor self, Tensor vec2) -> Tensor
aten::get_device(Tensor self) -> int
aten::glu(Tensor self, int dim=-1) -> Tensor
aten::greater.Scalar(Tensor self, Scalar other) -> Tensor
aten::greater.Tensor(Tensor self, Tensor other) -> Tensor
aten::greater_equal.Scalar(Tensor self, Scalar other) -> Tensor
aten::greater_equal.Tensor(Tensor self, Tensor other) -> Tensor
aten::grid_sampler(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) -> Tensor
aten::grid_sampler_2d(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) -> Tensor
aten::grid_sampler_3d(Tensor input, Tensor grid, int interpolation_mode, int padding_mode, bool align_corners) -> Tensor
aten::group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1.0000000000000001e-05, bool cudnn_enabled=True) -> Tensor
aten::gru.data(Tensor data, Tensor batch_sizes, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional) -> (Tensor, Tensor)
aten::gru.input(Tensor input, Tensor hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor)
aten::gru_cell(Tensor input, Tensor hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> Tensor
aten::gt(Scalar a, Scalar b) -> bool
aten::gt.Scalar(Tensor self, Scalar other) -> Tensor
aten::gt.Tensor(Tensor self, Tensor other) -> Tensor
aten::gt.float(float a, float b) -> bool
aten::gt.float_int(float a, int b) -> bool
aten::gt.int(int a, int b) -> bool
aten::gt.int_float(int a, float b) -> bool
aten::gt.str(str a, str b) -> bool
aten::hardshrink(Tensor self, Scalar lambd=0.5) -> Tensor
aten::hardsigmoid(Tensor self) -> Tensor
aten::hardswish(Tensor self) -> Tensor
aten::hardtanh(Tensor self, Scalar min_val=-1, Scalar max_val=1) -> Tensor
aten::heaviside(Tensor self, Tensor values) -> Tensor
aten::hstack(Tensor[] tensors) -> Tensor
aten::huber_loss(Tensor self, Tensor target, int reduction=1, float delta=1.) -> Tensor
aten::hypot(Tensor self, Tensor other) -> Tensor
aten::im2col(Tensor self, int[2] kernel_size, int[2] dilation, int[2] padding, int[2] stride) -> Tensor
aten::index.Tensor(Tensor self, Tensor?[] indices) -> Tensor
aten::index.Tensor_hacked_twin(Tensor self, Tensor[] indices) -> Tensor
aten::index.list_Tensor(Tensor[] self, Tensor el) -> int
aten::index.list_bool(bool[] self, bool el) -> int
aten::index.list_float(float[] self, float el) -> int
aten::index.list_int(int[] self, int el) -> int
aten::index.list_str(str[] self, str el) -> int
aten::index.str(str self, str substr, int start=0, int end=-1) -> int
aten::index_add(Tensor self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor
aten::index_copy(Tensor self, int dim, Tensor index, Tensor source) -> Tensor
aten::index_fill.int_Scalar(Tensor self, int dim, Tensor index, Scalar value) -> Tensor
aten::index_fill.int_Tensor(Tensor self, int dim, Tensor index, Tensor value) -> Tensor
aten::index_put(Tensor self, Tensor?[] indices, Tensor values, bool accumulate=False) -> Tensor
aten::index_put.hacked_twin(Tensor self, Tensor[] indices, Tensor values, bool accumulate=False) -> Tensor
aten::index_select(Tensor self, int dim, Tensor index) -> Tensor
aten::inner(Tensor self, Tensor other) -> Tensor
aten::instance_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool use_input_stats, float momentum, float eps, bool cudnn_enabled) -> Tensor
aten::is_complex(Tensor self) -> bool
aten::is_floating_point(Tensor self) -> bool
aten::isfinite(Tensor self) -> Tensor
aten::isfinite.float(float a) -> bool
aten::isinf(Tensor self) -> Tensor
aten::isinf.float(float a) -> bool
aten::isnan(Tensor self) -> Tensor
aten::isnan.float(float a) -> bool
aten::item(Tensor self) -> Scalar
aten::kl_div(Tensor self, Tensor target, int reduction=1, *, bool log_target=False) -> Tensor
aten::kthvalue(Tensor self, SymInt k, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)
aten::kthvalue.values(Tensor self, SymInt k, int dim=-1, bool keepdim=False, *, Tensor(a!) values, Tensor(b!) indices) -> (Tensor(a!) values, Tensor(b!) indices)
aten::l1_loss(Tensor self, Tensor target, int reduction=1) -> Tensor
aten::layer_norm(Tensor input, SymInt[] normalized_shape, Tensor? weight=None, Tensor? bias=None, float eps=1.0000000000000001e-05, bool cudnn_enable=True) -> Tensor
aten::le(Scalar a, Scalar b) -> bool
aten::le.Scalar(Tensor self, Scalar other) -> Tensor
aten::le.Tensor(Tensor self, Tensor other) -> Tensor
aten::le.float(float a, float b) -> bool
aten::le.float_int(float a, int b) -> bool
aten::le.int(int a, int b) -> bool
aten::le.int_float(int a, float b) -> bool
aten::le.str(str a, str b) -> bool
aten::leaky_relu(Tensor self, Scalar negative_slope=0.01) -> Tensor
aten::len.Dict_Tensor(Dict(Tensor, t) self) -> int
aten::len.Dict_bool(Dict(bool, t) self) -> int
aten::len.Dict_float(Dict(float, t) self) -> int
aten::len.Dict_int(Dict(int, t) self) -> int
aten::len.Dict_str(Dict(str, t) self) -> int
aten::len.Tensor(Tensor t) -> int
aten::len.any(Any[] a) -> int
aten::len.str(str s) -> int
aten::len.t(t[] a) -> int
aten::lerp.Scalar(Tensor self, Tensor end, Scalar weight) -> Tensor
aten::lerp.Tensor(Tensor self, Tensor end, Tensor weight) -> Tensor
aten::less.Scalar(Tensor self, Scalar other) -> Tensor
aten::less.Tensor(Tensor self, Tensor other) -> Tensor
aten::less_equal.Scalar(Tensor self, Scalar other) -> Tensor
aten::less_equal.Tensor(Tensor self, Tensor other) -> Tensor
aten::linalg_cross(Tensor self, Tensor other, *, int dim=-1) -> Tensor
aten::linalg_matmul(Tensor self, Tensor other) -> Tensor
aten::linalg_norm(Tensor self, Scalar? ord=None, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor
aten::linalg_norm.ord_str(Tensor self, str ord, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor
aten::linalg_vector_norm(Tensor self, Scalar ord=2, int[1]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor
aten::linear(Tensor input, Tensor weight, Tensor? bias=None) -> Tensor
aten::linspace(Scalar start, Scalar end, int steps, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor
aten::linspace.Scalar_Tensor(Scalar start, Tensor end, int steps, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor
aten::linspace.Tensor_Scalar(Tensor start, Scalar end, int steps, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor
aten::linspace.Tensor_Tensor(Tensor start, Tensor end, int steps, *, ScalarType? dtype=None, Layout? layout=None, Device? device=None, bool? pin_memory=None) -> Tensor
aten::log(Tensor self) -> Tensor
aten::log.Scalar(Scalar a) -> Scalar
aten::log.Scalar_Scalar(Scalar a, Scalar b) -> float
aten::log.float(float a) -> float
aten::log.float_float(float a, float b) -> float
aten::log.float_int(float a, int b) -> float
aten::log.int(int a) -> float
aten::log.int_float(int a, float b) -> float
aten::log.int_int(int a, int b) -> float
aten::log10(Tensor self) -> Tensor
aten::log10.Scalar(Scalar a) -> Scalar
aten::log10.float(float a) -> float
aten::log10.int(int a) -> float
aten::log1p(Tensor self) -> Tensor
aten::log1p.Scalar(Scalar a) -> Scalar
aten::log1p.float(float a) -> float
aten::log1p.int(int a) -> float
aten::log2(Tensor self) -> Tensor
aten::log_sigmoid(Tensor self) -> Tensor
aten::log_softmax.int(Tensor self, int dim, ScalarType? dtype=None) -> Tensor
aten::logaddexp(Tensor self, Tensor other) -> Tensor
aten::logical_and(Tensor self, Tensor other) -> Tensor
aten::logical_not(Tensor self) -> Tensor
aten::logical_or(Tensor self, Tensor other) -> Tensor
aten::logical_xor(Tensor self, Tensor other) -> Tensor
aten::logit(Tensor self, float? eps=None) -> Tensor
aten::logsumexp(Tensor self, int[1] dim, bool keepdim=False) -> Tensor
aten::lstm.data(Tensor data, Tensor batch_sizes, Tensor[] hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional) -> (Tensor, Tensor, Tensor)
aten::lstm.input(Tensor input, Tensor[] hx, Tensor[] params, bool has_biases, int num_layers, float dropout, bool train, bool bidirectional, bool batch_first) -> (Tensor, Tensor, Tensor)
aten::lstm_cell(Tensor input, Tensor[] hx, Tensor w_ih, Tensor w_hh, Tensor? b_ih=None, Tensor? b_hh=None) -> (Tensor, Tensor)
aten::lt(Scalar a, Scalar b) -> bool
aten::lt.Scalar(Tensor self, Scalar other) -> Tensor
aten::lt.Tensor(Tensor self, Tensor other) -> Tensor
aten::lt.float(float a, float b) -> bool
aten::lt.float_int(float a, int b) -> bool
aten::lt.int(int a, int b) -> bool
aten::lt.int_float(int a, float b) -> bool
aten::lt.str(str a, str b) -> bool
aten::mT(Tensor(a) self) -> Tensor(a)
aten::mT.a(Tensor(a) self) -> Tensor(a)
aten::masked_fill.Scalar(Tensor self, Tensor mask, Scalar value) -> Tensor
aten::masked_fill.Tensor(Tensor self, Tensor mask, Tensor value) -> Tensor
aten::masked_select(Tensor self, Tensor mask) -> Tensor
aten::matmul(Tensor self, Tensor other) -> Tensor
aten::max(Tensor self) -> Tensor
aten::max.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)
aten::max.dim_max(Tensor self, int dim, bool keepdim=False, *, Tensor(a!) max, Tensor(b!) max_values) -> (Tensor(a!) values, Tensor(b!) indices)
aten::max.other(Tensor self, Tensor other) -> Tensor
aten::max_pool1d(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], bool ceil_mode=False) -> Tensor
aten::max_pool1d_with_indices(Tensor self, int[1] kernel_size, int[1] stride=[], int[1] padding=[0], int[1] dilation=[1], bool ceil_mode=False) -> (Tensor, Tensor)
aten::max_pool2d(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> Tensor
aten::max_pool2d_with_indices(Tensor self, int[2] kernel_size, int[2] stride=[], int[2] padding=0, int[2] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)
aten::max_pool3d(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> Tensor
aten::max_pool3d_with_indices(Tensor self, int[3] kernel_size, int[3] stride=[], int[3] padding=0, int[3] dilation=1, bool ceil_mode=False) -> (Tensor, Tensor)
aten::maximum(Tensor self, Tensor other) -> Tensor
aten::mean(Tensor self, *, ScalarType? dtype=None) -> Tensor
aten::mean.dim(Tensor self, int[1]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor
aten::median(Tensor self) -> Tensor
aten::median.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)
aten::median.dim_values(Tensor self, int dim, bool keepdim=False, *, Tensor(a!) values, Tensor(b!) indices) -> (Tensor(a!) values, Tensor(b!) indices)
aten::meshgrid(Tensor[] tensors) -> Tensor[]
aten::meshgrid.indexing(Tensor[] tensors, *, str indexing) -> Tensor[]
aten::min(Tensor self) -> Tensor
aten::min.dim(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)
aten::min.dim_min(Tensor self, int dim, bool keepdim=False, *, Tensor(a!) min, Tensor(b!) min_indices) -> (Tensor(a!) values, Tensor(b!) indices)
aten::min.other(Tensor self, Tensor other) -> Tensor
aten::minimum(Tensor self, Tensor other) -> Tensor
aten::mish(Tensor self) -> Tensor
aten::mm(Tensor self, Tensor mat2) -> Tensor
aten::mm.dtype(Tensor self, Tensor mat2, ScalarType out_dtype) -> Tensor
aten::moveaxis.int(Tensor(a) self, int source, int destination) -> Tensor(a)
aten::moveaxis.intlist(Tensor(a) self, int[] source, int[] destination) -> Tensor(a)
aten::movedim.int(Tensor(a) self, int source, int destination) -> Tensor(a)
aten::movedim.intlist(Tensor(a) self, int[] source, int[] destination) -> Tensor(a)
aten::mse_loss(Tensor self, Tensor target, int reduction=1) -> Tensor
aten::mul(Scalar a, Scalar b) -> Scalar
aten::mul.Scalar(Tensor self, Scalar other) -> Tensor
aten::mul.Tensor(Tensor self, Tensor other) -> Tensor
aten::mul.float(float a, float b) -> float
aten::mul.float_int(float a, int b) -> float
`
